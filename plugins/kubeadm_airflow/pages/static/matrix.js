// A row a node, in the run's order; a column a step. What is done, or waits for its turn, folds where nodes are many.

import { button } from './ask.js'
import { cellOf, kubelet } from './cells.js'
import { fill, make, mark, withKey } from './dom.js'
import { at, word } from './words.js'

const MANY = 16
const FOLDS = new Map([
  ['done', 'done'],
  ['queued', 'not yet begun'],
  ['untouched', 'not touched'],
  ['given_up', 'given up'],
])
const LEAST_FOLDED = 3
const BEGUN = new Set(['done', 'unchanged', 'marked', 'skipped', 'running', 'waiting', 'retrying', 'failed', 'blocked'])
const ROOM = 4 // columns that a sentence needs beside the marks

const ROLES = [
  { role: 'control plane', title: 'Control plane', groups: ['stage', 'control_plane', 'control_plane_kubelets'] },
  { role: 'worker', title: 'Workers', groups: ['stage', 'workers'] },
]

export class Matrix {
  constructor(place, asked) {
    Object.assign(this, { place, asked, unfolded: new Set(), rows: new Map(), tables: new Map() })
  }

  show(board) {
    this.board = board
    this.retries = new Map(board.actions.filter(isRetry).map((action) => [action.id, action]))
    const ofNodes = board.actions.filter((action) => action.node && !isRetry(action))
    this.actions = Map.groupBy(ofNodes, (action) => action.node)
    const nodes = Map.groupBy(board.nodes, (node) => node.role)
    const shown = ROLES.filter(({ role }) => nodes.has(role))
    const tables = () => shown.map((kind) => this.table(kind, board.groups))
    fill(this.place, [shown.map(({ role }) => role), board.groups], tables)
    for (const kind of shown) this.fillTable(kind, nodes.get(kind.role))
  }

  table(kind, every) {
    const groups = kind.groups.map((name) => every.find((group) => group.name === name)).filter(Boolean)
    const steps = groups.flatMap(columns)
    const body = make('tbody')
    const title = make('h2')
    this.tables.set(kind.role, { body, title, steps })
    const label = `${kind.title}, node by node`
    const table = make('table', {}, head(groups, steps), body)
    const region = make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, table)
    return make('section', {}, title, region)
  }

  fillTable(kind, nodes) {
    const { body, title, steps } = this.tables.get(kind.role)
    const done = nodes.filter((node) => node.state === 'done').length
    fill(title, [done, nodes.length], () => [
      document.createTextNode(`${kind.title} `),
      make('small', {}, `${done} of ${nodes.length} done`),
    ])
    const wanted = parts(nodes).flatMap((part) => this.part(kind, part, steps))
    const focused = body.contains(document.activeElement) ? document.activeElement : null
    place(body, wanted)
    if (focused?.isConnected === false) withKey(body, focused.dataset.key)?.focus()
  }

  part(kind, { state, nodes }, steps) {
    const key = `${kind.role} ${state}`
    const folds = state !== null
    const rows = folds && !this.unfolded.has(key) ? [] : nodes.flatMap((node) => this.row(node, steps))
    return folds ? [...this.fold(key, state, nodes, steps), ...rows] : rows
  }

  fold(key, state, nodes, steps) {
    const open = this.unfolded.has(key)
    const names = nodes.length > 1 ? `${nodes[0].name} … ${nodes.at(-1).name}` : nodes[0].name
    const id = `fold ${key} ${nodes[0].name}`
    return this.kept(id, [open, nodes.length, names], () => [
      make(
        'tr',
        { class: `fold ${state}` },
        make(
          'th',
          { scope: 'rowgroup', colspan: steps.length + 3 },
          make(
            'button',
            { type: 'button', 'aria-expanded': String(open), 'data-key': id, onclick: () => this.toggle(key) },
            make('b', {}, `${nodes.length} ${FOLDS.get(state)}`),
            make('span', {}, names),
          ),
        ),
      ),
    ])
  }

  toggle(key) {
    if (!this.unfolded.delete(key)) this.unfolded.add(key)
    this.show(this.board)
  }

  row(node, steps) {
    return this.kept(`node ${node.name}`, [node, this.actions.get(node.name)], () => {
      const cells = new Map(node.cells.map((cell) => [cell.task, cell]))
      const trouble = node.cells.filter((cell) => cell.failure)
      const told = trouble.length ? trouble.map((cell) => this.trouble(cell, node.name)) : this.told(node)
      const left = steps.length - 1 - steps.findLastIndex((step) => BEGUN.has(cells.get(step.task)?.state))
      const beside = told && !trouble.length && left >= ROOM ? left : 0
      return [
        make(
          'tr',
          { class: node.state },
          make('th', { scope: 'row' }, node.name, make('span', { class: 'hidden' }, `: ${word(node.state)}`)),
          make('td', { class: 'kubelet' }, kubelet(node)),
          steps.slice(0, steps.length - beside).map((step) => cellOf(step, cells.get(step.task))),
          beside ? make('td', { class: 'beside', colspan: beside + 1 }, told) : make('td'),
        ),
        told && !beside ? make('tr', { class: 'told' }, make('td', { colspan: steps.length + 3 }, told)) : null,
      ].filter(Boolean)
    })
  }

  told(node) {
    const actions = this.actions.get(node.name) ?? []
    if (!node.sentence && !actions.length) return null
    return make(
      'p',
      { class: node.state },
      node.sentence,
      node.since ? [' ', make('small', {}, `since ${at(node.since)}`)] : null,
      actions.map((action) => button(action, this.asked, 'quiet')),
    )
  }

  // Why, what to do, what a host has said, and the way on.
  trouble(cell, who) {
    const { why, do: remedy, said } = cell.failure
    const retry = this.retries.get(`retry:${cell.task}:${cell.map_index}`)
    const actions = this.actions.get(who) ?? []
    return make(
      'div',
      { class: 'trouble' },
      make('p', { class: 'why' }, mark('failed'), make('b', {}, why)),
      remedy ? make('p', {}, make('span', { class: 'label' }, 'What to do'), remedy) : null,
      said.length ? make('pre', { tabindex: 0, 'aria-label': 'What the host has said' }, said.join('\n')) : null,
      make(
        'p',
        { class: 'buttons' },
        retry ? button(retry, this.asked, 'strong') : null,
        cell.log
          ? make('a', { href: cell.log, 'data-airflow': true, 'data-key': `log ${cell.task} ${who}` }, 'Log')
          : null,
        actions.map((action) => button(action, this.asked)),
      ),
    )
  }

  // The very elements of before, where they are to show the same.
  kept(key, what, build) {
    const shown = JSON.stringify(what)
    const before = this.rows.get(key)
    if (before?.shown === shown) return before.elements
    const elements = build()
    this.rows.set(key, { shown, elements })
    return elements
  }
}

function columns(group) {
  return group.steps.map((step, index) => ({ ...step, task: `${group.name}.${step.name}`, first: index === 0 }))
}

function head(groups, steps) {
  const ofGroup = (group) => make('th', { scope: 'colgroup', colspan: group.steps.length }, group.title)
  const ofStep = ({ first, doc, title }) =>
    make('th', { scope: 'col', class: first ? 'first' : null, title: doc }, title)
  return make(
    'thead',
    {},
    make('tr', {}, make('td', { colspan: 2 }), groups.map(ofGroup), make('td', { class: 'rest' })),
    make(
      'tr',
      {},
      make('th', { scope: 'col' }, 'Node'),
      make('th', { scope: 'col' }, 'Kubelet'),
      steps.map(ofStep),
      make('td'),
    ),
  )
}

export const isRetry = (action) => action.id.startsWith('retry:')

// Neighbours that stand alike and have nothing to tell are one part, where nodes are many.
function parts(nodes) {
  if (nodes.length <= MANY) return [{ state: null, nodes }]
  const found = []
  for (const node of nodes) {
    const state = FOLDS.has(node.state) ? node.state : null
    const last = found.at(-1)
    if (last?.state === state) last.nodes.push(node)
    else found.push({ state, nodes: [node] })
  }
  return found.map((part) => (part.nodes.length < LEAST_FOLDED ? { ...part, state: null } : part))
}

// Puts `wanted` into `body` in its order, and touches only what is not there already.
function place(body, wanted) {
  const keep = new Set(wanted)
  for (const row of [...body.children]) if (!keep.has(row)) row.remove()
  wanted.forEach((row, index) => body.children[index] === row || body.insertBefore(row, body.children[index] ?? null))
}
