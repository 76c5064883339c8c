// Times and lengths of time, as they are said on pages. What ticks is made here, and moves by itself.

import { make } from './dom.js'

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const CLOCK_AND_SECONDS = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' })

export const count = (number, noun, plural = `${noun}s`) => `${number} ${number === 1 ? noun : plural}`

// A state as it is said: the data's own word, with spaces.
export const word = (state) => (state === 'needs_person' ? 'needs a person' : state.replaceAll('_', ' '))

// In a cell there is room for five characters.
export function brief(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m`
  if (whole < 36000) return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}`
  return whole < 172800 ? `${Math.round(whole / 3600)}h` : `${Math.round(whole / 86400)}d`
}

// In a sentence there is room for words.
export function lasting(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return count(whole, 'second')
  const minutes = Math.round(whole / 60)
  if (minutes < 60) return count(minutes, 'minute')
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  if (hours < 48) return rest && hours < 10 ? `${count(hours, 'hour')} ${rest} min` : count(hours, 'hour')
  return count(Math.round(hours / 24), 'day')
}

export const clock = (moment) => CLOCK.format(new Date(moment))
export const clockAndSeconds = (moment) => CLOCK_AND_SECONDS.format(new Date(moment))

// A time of today; of another day with its day.
export function at(moment) {
  const date = new Date(moment)
  return date.toDateString() === new Date().toDateString() ? clock(date) : `${DAY.format(date)}, ${clock(date)}`
}

const SAY = { brief, lasting }

// How long since `moment`: it is counted here, so that nobody has to tell a page what time it is.
export const since = (moment, say = 'brief') =>
  make('time', { datetime: moment, 'data-say': say, 'data-ticks': true }, SAY[say](age(moment)))

export const age = (moment) => (Date.now() - Date.parse(moment)) / 1000

setInterval(() => {
  for (const time of document.querySelectorAll('time[data-ticks]')) {
    const text = SAY[time.dataset.say](age(time.dateTime))
    if (time.textContent !== text) time.textContent = text
  }
}, 1000)
