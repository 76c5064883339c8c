// The one place where elements are made. Whatever a host, an API or a cluster's file has said goes in as text.

const SVG = 'http://www.w3.org/2000/svg'

// This file is two below where Airflow is, whatever path that has on its host.
export const AIRFLOW = new URL('../../', import.meta.url)

export const $ = (id) => document.getElementById(id)

// `attributes`: text, or for `on…` a function. Children that are nothing are left out.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) set(element, name, value)
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''))
  return element
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return
  if (typeof value === 'function') element.addEventListener(name.slice(2), value)
  else if (name === 'href') element.href = value instanceof URL ? value : inside(value)
  else if (/^(on|style|src)/i.test(name)) throw new Error(`no page of ours writes ${name}`)
  else element.setAttribute(name, value === true ? '' : value)
}

// An address of this Airflow, whatever the text says: a path below it, and at worst Airflow itself.
export function inside(path) {
  const url = new URL(`./${String(path).replace(/^[/\\]+/, '')}`, AIRFLOW)
  return url.href.startsWith(AIRFLOW.href) ? url : AIRFLOW
}

const path = (parts) => parts.map(encodeURIComponent).join('/')

// Addresses of pages: ours, and of a DAG or its run in Airflow.
export const ours = (...parts) => inside(`kubeadm-upgrade/${path(parts)}`)
export const inAirflow = (dag, run) => inside(run ? `dags/${path([dag])}/runs/${path([run])}` : `dags/${path([dag])}`)

const SHAPES = {
  done: 'M3.5 8.6l3 3L12.6 4.6',
  unchanged: 'M4 6.2h8M4 9.8h8',
  marked: 'M5.2 6.2a2.8 2.8 0 1 1 4.2 2.4Q8 9.4 8 10.6M8 12.9v.6',
  skipped: 'M4 4.5L7.6 8 4 11.5M8.4 4.5L12 8l-3.6 3.5',
  running: 'M8 4.6a3.4 3.4 0 1 0 0 6.8a3.4 3.4 0 1 0 0-6.8z',
  waiting: 'M8 2.6a5.4 5.4 0 1 0 0 10.8a5.4 5.4 0 1 0 0-10.8zM8 5v3.2l2.2 1.4',
  retrying: 'M12.8 8a4.8 4.8 0 1 1-1.5-3.5M11.6 2v2.9H8.7',
  failed: 'M4.4 4.4l7.2 7.2M11.6 4.4l-7.2 7.2',
  blocked: 'M4.5 8h7',
  next: 'M8 5.8a2.2 2.2 0 1 0 0 4.4a2.2 2.2 0 1 0 0-4.4z',
  none: 'M8 7.5a.5.5 0 1 0 0 1a.5.5 0 1 0 0-1z',
}

// A mark beside a word that says the same: nobody has to see it, or its colour.
export function mark(state) {
  const svg = document.createElementNS(SVG, 'svg')
  const shown = { viewBox: '0 0 16 16', class: 'mark', 'aria-hidden': 'true' }
  for (const [name, value] of Object.entries(shown)) svg.setAttribute(name, value)
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', SHAPES[state] ?? SHAPES.none)
  svg.append(path)
  return svg
}

// Fills `place` anew, but only where it is to show something else than before, and keeps the focus where it was.
export function fill(place, what, build) {
  const shown = JSON.stringify(what)
  if (place.shown === shown) return
  place.shown = shown
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined
  place.replaceChildren(...[build()].flat(Infinity).filter(Boolean))
  if (focused) withKey(place, focused)?.focus()
}

export const withKey = (place, key) =>
  [...place.querySelectorAll('[data-key]')].find((element) => element.dataset.key === key)
