// One cluster as a row of the fleet's table.

import { inAirflow, make } from './dom.js'
import { at, count, since, word } from './words.js'

const SOON = 60 // days of support left that are few

export const pairs = (one) => Object.entries(one.labels).map(([key, value]) => `${key}:${value}`)

export function row(one) {
  return make(
    'tr',
    { class: one.tone },
    make('th', { scope: 'row' }, name(one), make('small', {}, pairs(one).join('  '))),
    make('td', { class: 'state' }, how(one)),
    make('td', { class: 'version', 'data-title': 'Version' }, versions(one)),
    make('td', { class: 'support', 'data-title': 'Support left' }, support(one)),
    make('td', { class: 'run', 'data-title': 'Last run' }, lastRun(one)),
    make('td', { class: 'seen', 'data-title': 'Seen' }, seen(one)),
  )
}

function name({ name: text, dag_id: dag, board }) {
  return board ? make('a', { href: board }, text) : make('a', { href: inAirflow(dag), 'data-airflow': true }, text)
}

function how({ state, sentence, next_window: next, window_until: until, progress: far }) {
  return [
    make('b', {}, word(state)),
    make('p', {}, sentence),
    until ? make('small', {}, `window open until ${at(until)}`) : null,
    next ? make('small', {}, `next window ${at(next)}`) : null,
    far ? progress(far) : null,
  ]
}

function progress({ done, of }) {
  const bar = make('span', { class: 'bar', role: 'img', 'aria-label': `${done} of ${of} nodes are done` }, make('i'))
  bar.firstChild.style.width = `${of ? (100 * done) / of : 0}%`
  return make('span', { class: 'progress' }, bar, make('small', {}, `${done}/${of}`))
}

function versions({ version: now, target, worst_kubelet: worst, hops_left: hops }) {
  const isThere = `${now}.`.startsWith(`${target}.`)
  const beside = [hops ? count(hops, 'hop') : '', worst && worst !== now ? `kubelet ${worst}` : '']
  return [
    make('b', {}, now ?? '?'),
    target && !isThere ? make('span', { class: 'target' }, ` → ${target}`) : null,
    make('small', {}, beside.filter(Boolean).join(', ')),
  ]
}

function support({ end_of_life: end, days_left: days }) {
  if (days === null) return make('span', {}, '?')
  const tone = days <= 0 ? 'bad' : days < SOON ? 'waits' : 'good'
  const text = days < 0 ? `${-days} days over` : count(days, 'day')
  return [make('b', { class: tone }, text), make('small', {}, `until ${end}`)]
}

function lastRun({ dag_id: dag, last_run: run, report }) {
  if (!run) return make('span', {}, 'none')
  const when = [run.state, run.started ? at(run.started) : ''].filter(Boolean).join(', ')
  return [
    make('a', { href: inAirflow(dag, run.run_id), 'data-airflow': true }, run.run_id),
    make('small', {}, when, report ? [' · ', make('a', { href: report }, 'report')] : null),
  ]
}

function seen({ looked_at: when }) {
  return when ? make('span', { title: at(when) }, since(when), ' ago') : make('span', {}, 'never')
}
