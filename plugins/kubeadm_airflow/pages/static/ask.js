// What may be done: a button, a question that is put once, and Airflow's own REST API, asked as whoever is logged in.
// So Airflow's rights decide, and what it says is shown.

import { inside, make } from './dom.js'

// `action` is one of the data's: label, ask, needs, method, path, body. `done` is told when Airflow has taken it.
export function button(action, done, kind = '') {
  const shown = { class: kind, 'data-key': action.id + (action.node ?? '') }
  return make('button', { type: 'button', ...shown, onclick: () => put(action, done) }, action.label)
}

function put(action, done) {
  const reason =
    action.needs === 'reason' ? make('textarea', { rows: 2, id: 'reason', maxlength: 200, required: true }) : null
  const refusal = make('p', { class: 'refusal', role: 'alert' })
  const yes = make('button', { type: 'button', class: 'strong' }, action.label)
  const no = make('button', { type: 'button' }, 'Cancel')
  const dialog = make(
    'dialog',
    { 'aria-labelledby': 'asked' },
    make('p', { id: 'asked' }, action.ask),
    reason && make('label', { for: 'reason' }, 'Reason, for whoever comes after you', reason),
    refusal,
    make('div', { class: 'buttons' }, yes, no),
  )
  no.addEventListener('click', () => dialog.close())
  yes.addEventListener('click', async () => {
    if (reason && !reason.value.trim()) return reason.focus()
    yes.disabled = true
    refusal.textContent = ''
    const said = await call(action, reason?.value.trim() ?? '')
    if (said === null) {
      dialog.close()
      done(action)
    } else refusal.textContent = said
    yes.disabled = false
  })
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  ;(reason ?? yes).focus()
}

// Null, or why Airflow has not done it.
async function call({ method, path, body }, reason) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' }
  try {
    const answer = await fetch(inside(path), { method, headers, body: JSON.stringify(withReason(body, reason)) })
    return answer.ok ? null : refused(answer.status, await answer.json().catch(() => null))
  } catch (error) {
    return `Airflow does not answer: ${error.message}`
  }
}

function withReason(value, reason) {
  if (typeof value === 'string') return value.replaceAll('{reason}', () => reason)
  if (Array.isArray(value)) return value.map((item) => withReason(item, reason))
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withReason(item, reason)]))
  return value
}

const MEANS = {
  401: 'You are not logged in any more',
  403: 'You may look, but not do this: Airflow does not give you the right to',
}

function refused(status, said) {
  const detail = typeof said?.detail === 'string' ? said.detail : JSON.stringify(said?.detail ?? '')
  return `${MEANS[status] ?? 'Airflow has refused it'} (${status}${detail ? `: ${detail}` : ''}).`
}
