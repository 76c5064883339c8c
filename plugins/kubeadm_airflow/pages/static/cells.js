// A step of a node as a cell: a mark, a colour and how long; and in words for whoever sees neither.

import { make, mark } from './dom.js'
import { brief, lasting, since } from './words.js'

const SAID = {
  done: 'done',
  unchanged: 'nothing to do',
  marked: 'marked as done by hand',
  skipped: 'left out',
  running: 'at work',
  waiting: 'waiting',
  retrying: 'will be tried again',
  failed: 'failed',
  blocked: 'cannot begin',
  next: 'next',
  none: 'not yet',
}

export function cellOf(step, cell) {
  const shown = { class: `cell${step.first ? ' first' : ''}`, 'data-title': step.title }
  return make('td', shown, cell ? stepOf(cell) : [mark('none'), make('span', { class: 'hidden' }, SAID.none)])
}

function stepOf(cell) {
  const took = cell.seconds ?? null
  const ticks = cell.since && !cell.failure
  const spoken = took === null ? SAID[cell.state] : `${SAID[cell.state]}, ${lasting(took)}`
  const title = [spoken, cell.try > 1 ? `try ${cell.try}` : '', cell.reason].filter(Boolean).join(': ')
  const inside = [
    mark(cell.state),
    make('span', { 'aria-hidden': 'true' }, ticks ? since(cell.since) : took === null ? '' : brief(took)),
    make('span', { class: 'hidden' }, title),
  ]
  const shown = { class: `step ${cell.state}`, title }
  return cell.log ? make('a', { ...shown, href: cell.log, 'data-airflow': true }, inside) : make('span', shown, inside)
}

export function kubelet({ before, kubelet: now }) {
  if (!before || !now || before === now) return now
  return [make('span', { class: 'before' }, before), make('span', { 'aria-label': 'to' }, ' → '), now]
}
