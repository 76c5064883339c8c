// Every cluster, those that need a person first. What is said of one has been decided by fleet_of; here they are
// sorted and sifted.

import './frame.js'
import { pairs, row } from './cluster.js'
import { $, fill, make } from './dom.js'
import { Follower, GONE } from './follow.js'
import { clockAndSeconds, count, word } from './words.js'

const COLUMNS = [
  { name: 'name', title: 'Cluster', by: (one) => one.name },
  // in the order in which the data has them: who needs a person comes first
  { name: 'state', title: 'State', by: (one) => fleet.clusters.indexOf(one) },
  { name: 'version', title: 'Version', by: (one) => version(one.version) },
  { name: 'support', title: 'Support left', by: (one) => one.days_left ?? Infinity },
  { name: 'run', title: 'Last run', by: (one) => -Date.parse(one.last_run?.started ?? 0) },
  { name: 'seen', title: 'Seen', by: (one) => -Date.parse(one.looked_at ?? 0) },
]

const REFUSED = {
  401: 'You are not logged in any more.',
  403: 'You may not see the clusters: Airflow does not give you the right to.',
}

// What is shown is in the address, so that it can be handed on.
const wish = new URLSearchParams(location.hash.slice(1))
let fleet = null

const data = new URL(`${location.pathname.replace(/\/$/, '')}/data`, location)
new Follower(data, { show: take, moves: () => false, missing, silent }).look()

$('search').value = wish.get('q') ?? ''
$('search').addEventListener('input', () => want('q', $('search').value.trim()))
$('filter').addEventListener('submit', (event) => event.preventDefault())
$('all').addEventListener('click', () => {
  for (const name of [...wish.keys()]) wish.delete(name)
  $('search').value = ''
  want('q', '')
})

function take(told) {
  fleet = told
  show()
}

function want(name, value) {
  if (value) wish.set(name, value)
  else wish.delete(name)
  history.replaceState(null, '', `#${wish}`)
  show()
}

function show() {
  document.querySelector('main').removeAttribute('aria-busy')
  for (const id of ['filter', 'clusters']) $(id).hidden = !fleet.clusters.length
  const people = fleet.clusters.filter((one) => one.needs_person).length
  fill($('sentence'), [people, fleet.clusters.length], () =>
    document.createTextNode(headline(people, fleet.clusters.length)),
  )
  document.documentElement.dataset.tone = people ? 'person' : 'good'
  fill($('states'), [fleet.clusters.map((one) => one.state), wish.get('state')], () => states())
  fill($('labels'), [fleet.clusters.map((one) => one.labels), wish.getAll('label')], () => labels())
  fill($('columns'), [wish.get('sort'), wish.get('down')], () => COLUMNS.map(heading))
  const shown = sorted(fleet.clusters.filter(fits))
  fill($('rows'), shown, () => shown.map(row))
  $('nothing').hidden = shown.length > 0 || !fleet.clusters.length
  const spoken = `${count(shown.length, 'cluster')} shown`
  if ($('spoken').textContent !== spoken) $('spoken').textContent = spoken
}

function headline(people, all) {
  if (!all) return 'There is no cluster here yet, or none that you may see.'
  if (!people) return `None of ${count(all, 'cluster')} needs a person.`
  return `${people} of ${count(all, 'cluster')} ${people === 1 ? 'needs' : 'need'} a person.`
}

// --- sifting and sorting

function fits(one) {
  const words = (wish.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const text = [one.name, one.version, one.target, one.worst_kubelet, one.sentence, ...pairs(one)]
    .join(' ')
    .toLowerCase()
  const state = wish.get('state')
  const found = words.every((word) => text.includes(word)) && (!state || one.state === state)
  return found && wish.getAll('label').every((label) => pairs(one).includes(label))
}

function sorted(clusters) {
  const column = COLUMNS.find(({ name }) => name === wish.get('sort'))
  if (!column) return clusters
  const way = wish.get('down') ? -1 : 1
  return clusters.toSorted((a, b) => way * compare(column.by(a), column.by(b)) || compare(a.name, b.name))
}

const compare = (a, b) => (typeof a === 'string' ? a.localeCompare(b, undefined, { numeric: true }) : a - b || 0)
const version = (text) => (text ?? '').split('.').reduce((sum, part) => sum * 1000 + (parseInt(part, 10) || 0), 0)

function heading({ name, title }) {
  const sort = wish.get('sort') === name ? (wish.get('down') ? 'descending' : 'ascending') : null
  const by = make('button', { type: 'button', 'data-key': `by ${name}`, onclick: () => sortBy(name, sort) }, title)
  return make('th', { scope: 'col', class: name, 'aria-sort': sort }, by)
}

// Once, the other way, and then as it came: who needs a person first.
function sortBy(name, sort) {
  if (sort === 'descending') wish.delete('sort')
  else wish.set('sort', name)
  want('down', sort === 'ascending' ? '1' : '')
}

function states() {
  const alike = Map.groupBy(fleet.clusters, (one) => one.state)
  return [...alike].map(([state, clusters]) => {
    const pressed = wish.get('state') === state
    const text = [make('i', { class: clusters[0].tone }), `${word(state)} `, make('small', {}, clusters.length)]
    return chip(`state ${state}`, pressed, () => want('state', pressed ? '' : state), text)
  })
}

function labels() {
  const every = [...new Set(fleet.clusters.flatMap(pairs))].sort((a, b) => compare(a, b))
  return every.map((label) => chip(`label ${label}`, wish.getAll('label').includes(label), () => toggle(label), label))
}

function toggle(label) {
  const others = wish.getAll('label').filter((one) => one !== label)
  const was = others.length < wish.getAll('label').length
  wish.delete('label')
  for (const one of was ? others : [...others, label]) wish.append('label', one)
  want('q', wish.get('q'))
}

function chip(key, pressed, onclick, text) {
  const shown = { class: 'chip', 'aria-pressed': String(pressed), 'data-key': key }
  return make('button', { type: 'button', ...shown, onclick }, text)
}

function missing(status, detail) {
  document.querySelector('main').removeAttribute('aria-busy')
  fill($('sentence'), [status, detail], () =>
    document.createTextNode(REFUSED[status] ?? `Nothing to show: ${detail}.`),
  )
  if (!GONE.includes(status)) return
  for (const id of ['states', 'labels', 'rows']) fill($(id), status, () => [])
  for (const id of ['filter', 'clusters']) $(id).hidden = true
}

function silent(error) {
  const fresh = $('fresh')
  fresh.className = error ? 'old' : ''
  if (!error) fresh.shownAt = new Date()
  fresh.textContent = error
    ? `Airflow has not answered since ${clockAndSeconds(fresh.shownAt ?? new Date())}`
    : clockAndSeconds(fresh.shownAt)
}
