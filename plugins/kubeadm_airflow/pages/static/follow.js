// Asks for data again and again, and shows what has changed: every two seconds while something moves and somebody
// looks, seldom where nothing does, never in a window that nobody sees.

const SOON = 2000
const SELDOM = 10000
const AFTER_A_FAILURE = 5000
const OFTEN_FOR = 20000 // after somebody has asked for something

export const GONE = [403, 404] // what was shown is not to be seen any more

export class Follower {
  // `moves` says of what is shown whether it may change any moment; `missing` shows why there is nothing.
  constructor(url, { show, moves, missing, silent }) {
    Object.assign(this, { url, show, moves, missing, silent })
    this.known = null
    this.often = 0
    document.addEventListener('visibilitychange', () => document.hidden || this.look())
  }

  // What was asked of Airflow shows soon: whoever asked is looking.
  soon() {
    this.often = Date.now() + OFTEN_FOR
    this.look()
  }

  async look() {
    clearTimeout(this.timer)
    const turn = (this.turn = {})
    const told = await this.ask().catch((error) => this.failed(error))
    if (told.news && !this.isOld(told.news)) {
      this.take(told.news)
      this.etag = told.etag
    }
    const wait = told.wait ?? (this.moves(this.known) || Date.now() < this.often ? SOON : SELDOM)
    if (turn !== this.turn || document.hidden) return
    this.timer = setTimeout(() => this.look(), wait)
  }

  // What is new, or how long to wait before asking again.
  async ask() {
    const url = new URL(this.url)
    if (this.known?.version) url.searchParams.set('since', this.known.version)
    const headers = { Accept: 'application/json', ...(this.etag && { 'If-None-Match': this.etag }) }
    const answer = await fetch(url, { headers, cache: 'no-store' })
    if (answer.status >= 400) return this.refused(answer)
    this.silent(null)
    return answer.status === 200 ? { news: await answer.json(), etag: answer.headers.get('ETag') } : {}
  }

  // Of several API workers each has made what it tells at another moment: a page does not go back.
  isOld(told) {
    return this.known !== null && Date.parse(told.as_of) < Date.parse(this.known.as_of)
  }

  take(told) {
    this.known = told.since ? { ...this.known, ...told, nodes: this.merged(told.nodes) } : told
    this.show(this.known)
  }

  merged(rows) {
    const changed = new Map(rows.map((row) => [row.name, row]))
    return this.known.nodes.map((row) => changed.get(row.name) ?? row)
  }

  async refused(answer) {
    const said = await answer.json().catch(() => ({}))
    if (answer.status >= 500) throw new Error(`${answer.status} ${answer.statusText}`)
    if (GONE.includes(answer.status)) this.known = this.etag = null
    this.missing(answer.status, typeof said.detail === 'string' ? said.detail : answer.statusText)
    return { wait: SELDOM }
  }

  failed(error) {
    this.silent(error)
    return { wait: AFTER_A_FAILURE }
  }
}
