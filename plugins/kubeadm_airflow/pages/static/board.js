// A run's board: says what the data says. What it means has been decided by board_of.

import './frame.js'
import { button } from './ask.js'
import { $, fill, inAirflow, make, mark, ours } from './dom.js'
import { Follower, GONE } from './follow.js'
import { isRetry, Matrix } from './matrix.js'
import { at, brief, clockAndSeconds, count, lasting, since, word } from './words.js'

const data = new URL(`${location.pathname.replace(/\/$/, '')}/data`, location)
const matrix = new Matrix($('nodes'), () => follower.soon())
const follower = new Follower(data, { show, moves: (board) => !board?.ended, missing, silent })

follower.look()

function show(board) {
  document.title = `${board.cluster}: ${word(board.state)}`
  document.documentElement.dataset.tone = board.tone
  document.querySelector('main').removeAttribute('aria-busy')
  fill($('where'), [board.cluster, board.run_id, board.next_run, board.started, board.ended], () => where(board))
  fill($('state'), [board.state, board.progress, board.seconds_left], () => state(board))
  fill($('sentence'), board.sentence, () => document.createTextNode(board.sentence))
  $('sentence').className = ['', 'long', 'longer'][(board.sentence.length > 130) + (board.sentence.length > 280)]
  fill(
    $('bar'),
    board.nodes.map((node) => node.state),
    () => bar(board),
  )
  fill($('buttons'), board.actions, () => buttons(board.actions))
  fill($('path'), board.path, () => path(board.path))
  fill($('findings'), board.findings, () => findings(board.findings))
  $('nodes').hidden = false
  matrix.show(board)
  fill($('run'), [board.run_tasks, board.actions.filter(isRetry)], () => runTasks(board))
  speak(board)
}

function buttons(actions) {
  const ofTheRun = actions.filter((action) => !action.node && !isRetry(action))
  return ofTheRun.map((action) => button(action, () => follower.soon(), action.id))
}

function where({ cluster, dag_id: dag, run_id: run, next_run: next, started, ended }) {
  const endedAfter = ended && lasting((Date.parse(ended) - Date.parse(started)) / 1000)
  return [
    make('b', {}, cluster),
    make('span', {}, 'run ', make('a', { href: inAirflow(dag, run), 'data-airflow': true }, run)),
    started && !ended && make('span', {}, 'for ', since(started, 'lasting')),
    started && ended && make('span', {}, `${at(started)}, for ${endedAfter}`),
    next && make('span', {}, 'goes on in ', make('a', { href: ours('board', dag, next) }, next)),
    make('a', { href: ours('reports', dag, run) }, 'report'),
    make('a', { href: ours('fleet') }, 'fleet'),
  ]
}

function state({ state: now, progress, seconds_left: left }) {
  return [
    make('b', {}, word(now)),
    make('span', {}, `${progress.done} of ${count(progress.of, 'node')}`),
    left !== null && make('span', {}, `about ${lasting(left)} left`),
  ]
}

// One stroke a node, in the run's order; of many, one stroke for all that stand alike side by side.
function bar({ nodes }) {
  const strokes = []
  for (const { state } of nodes) {
    const last = strokes.at(-1)
    if (nodes.length > 80 && last?.state === state) last.nodes += 1
    else strokes.push({ state, nodes: 1 })
  }
  return strokes.map((stroke) => {
    const element = make('i', { class: stroke.state })
    element.style.flexGrow = stroke.nodes
    return element
  })
}

function path(hops) {
  if (!hops.length) return []
  const first = { to: hops[0].from, state: 'done', is_start: true }
  return make('ol', {}, [first, ...hops].map(stop))
}

function stop(hop) {
  const spoken = { done: 'done', now: 'now', next: 'to come' }[hop.state]
  return make(
    'li',
    { class: hop.state, 'aria-current': hop.state === 'now' ? 'step' : null },
    make('b', {}, hop.to),
    make('span', { class: 'hidden' }, hop.is_start ? 'where it came from' : spoken),
    hop.is_start ? null : make('span', { title: [...hop.control_plane, ...hop.workers].join(', ') }, moving(hop)),
  )
}

function moving({ control_plane: controlPlane, workers }) {
  return (
    [controlPlane.length && 'control plane', workers.length && count(workers.length, 'worker')]
      .filter(Boolean)
      .join(' + ') || 'nothing moves'
  )
}

function findings(notes) {
  if (!notes.length) return []
  return make(
    'ul',
    {},
    notes.map(({ level, text }) => make('li', { class: level }, make('b', {}, level), ` ${text}`)),
  )
}

function runTasks({ run_tasks: tasks }) {
  return [
    make('ul', { class: 'tasks' }, tasks.map(runTask)),
    ...tasks.filter((task) => task.failure).map((task) => matrix.trouble(task, task.task)),
  ]
}

function runTask(cell) {
  const ticks = cell.since && cell.state !== 'failed'
  const name = cell.task.replaceAll('_', ' ')
  return make(
    'li',
    { class: cell.state },
    mark(cell.state),
    cell.log
      ? make('a', { href: cell.log, 'data-airflow': true, 'data-key': `task ${cell.task}` }, name)
      : make('span', {}, name),
    make('small', {}, ticks ? since(cell.since) : cell.seconds === null ? '' : brief(cell.seconds)),
    make('span', { class: 'hidden' }, cell.state),
    cell.reason ? make('em', {}, cell.reason) : null,
  )
}

// For screen readers: what has changed, and not every minute that goes by.
let spoken = ''
function speak(board) {
  const alarming = board.tone === 'person' || board.tone === 'bad'
  const now = `${board.state} ${board.progress.done} ${alarming ? board.sentence : ''}`
  if (now === spoken) return
  spoken = now
  $('spoken').textContent = board.sentence
}

function missing(status, detail) {
  const sentence = {
    401: 'You are not logged in any more.',
    403: 'You may not see this run: Airflow does not give you the right to.',
  }[status]
  document.querySelector('main').removeAttribute('aria-busy')
  fill($('sentence'), [status, detail], () => document.createTextNode(sentence ?? `Nothing to show: ${detail}.`))
  if (GONE.includes(status)) {
    for (const id of ['where', 'state', 'bar', 'path', 'findings', 'run']) fill($(id), status, () => [])
    $('nodes').hidden = true
    $('spoken').textContent = spoken = ''
    document.title = 'Upgrade board'
  }
  if (status === 401)
    fill($('buttons'), 401, () => make('a', { href: new URL(location.href), 'data-key': 'login' }, 'Log in'))
  else fill($('buttons'), status, () => make('a', { href: ours('fleet') }, 'To the fleet'))
}

// What a page shows while Airflow is silent is old, and says so.
function silent(error) {
  const fresh = $('fresh')
  fresh.className = error ? 'old' : ''
  if (!error) fresh.shownAt = new Date()
  const text = error
    ? `Airflow has not answered since ${clockAndSeconds(fresh.shownAt ?? new Date())}`
    : clockAndSeconds(fresh.shownAt)
  if (fresh.textContent !== text) fresh.textContent = text
}
