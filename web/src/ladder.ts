// The layout of a ladder: three lanes, time running down, long silences folded.
import type { Chapter, Connection, Event } from './types'
import { duration, happening, tone } from './words'

export type Lane = 0 | 1 | 2 // client, Fanlight, origin

export interface Rung {
  key: string // connection and index of the event
  conn: string
  exchange?: string
  atMs?: number // since the connection started, as evidence names it
  time: string // since the ladder began
  y: number
  from?: Lane // with to: an arrow
  to?: Lane
  lanes: [Lane, Lane] // what the event is about
  label: string
  tone: 'bad' | 'odd' | 'plain'
  end: boolean // closes a direction of the connection
}

export interface Fold {
  y: number
  label: string
}

export interface Ladder {
  rungs: Rung[]
  folds: Fold[]
  height: number
  lanes: string[]
  omitted: number // events beyond what a page can show
}

const top = 44
const rowHeight = 24 // so that labels do not touch
const foldHeight = 40
const scaled = 480 // pixels for the time that is not folded
const maxRungs = 600

interface Moment {
  conn: Connection
  event: Event
  index: number
  at: number // ms since the ladder began
}

// layout draws the events of all connections of a story into one ladder.
export function layout(chapters: readonly Chapter[]): Ladder {
  const all = moments(chapters)
  const shown = all.slice(0, maxRungs)
  const gaps = shown.map((m, i) => (i === 0 ? 0 : m.at - shown[i - 1]!.at))
  const limit = foldAbove(gaps)
  const open = gaps.filter((gap) => gap <= limit).reduce((sum, gap) => sum + gap, 0)
  const scale = open > 0 ? scaled / open : 0

  const rungs: Rung[] = []
  const folds: Fold[] = []
  let y = top
  shown.forEach((moment, i) => {
    const gap = gaps[i]!
    if (gap > limit) {
      folds.push({ y: y + (foldHeight + rowHeight) / 2, label: `${duration(gap)} nothing` })
      y += foldHeight + rowHeight
    } else if (i > 0) {
      y += Math.max(rowHeight, gap * scale)
    }
    rungs.push(rung(moment, y))
  })
  return { rungs, folds, height: y + rowHeight, lanes: laneNames(chapters), omitted: all.length - shown.length }
}

function laneNames(chapters: readonly Chapter[]): string[] {
  return chapters.some((c) => c.connection.self !== 'none') ? ['client', 'Fanlight', 'origin'] : ['client', 'server', '']
}

function moments(chapters: readonly Chapter[]): Moment[] {
  const starts = chapters.map((c) => Date.parse(c.connection.started ?? ''))
  const known = starts.filter((t) => !Number.isNaN(t))
  const zero = known.length > 0 ? Math.min(...known) : 0
  const out: Moment[] = []
  chapters.forEach(({ connection: conn }, i) => {
    const offset = Number.isNaN(starts[i]!) ? 0 : starts[i]! - zero + subMillisecond(conn.started)
    let last = offset
    conn.events?.forEach((event, index) => {
      if (event.at_ms !== undefined) last = offset + event.at_ms
      if (happening(event) !== '') out.push({ conn, event, index, at: last })
    })
  })
  const first = out.reduce((min, m) => Math.min(min, m.at), Infinity)
  for (const m of out) m.at -= first
  return out.sort((a, b) => a.at - b.at)
}

// subMillisecond is the part of a time that Date does not keep.
function subMillisecond(rfc3339: string | undefined): number {
  const digits = /\.\d{3}(\d+)/.exec(rfc3339 ?? '')?.[1]
  return digits ? Number('0.' + digits) : 0
}

// foldAbove is the length of a silence that is not drawn to scale: one that
// would leave no room for everything else.
export function foldAbove(gaps: readonly number[]): number {
  const real = gaps.filter((gap) => gap > 0).sort((a, b) => a - b)
  const median = real[Math.floor((real.length - 1) / 2)] ?? 0
  return Math.max(100, 20 * median)
}

function rung({ conn, event, index, at }: Moment, y: number): Rung {
  const near: [Lane, Lane] = conn.self === 'client' ? [1, 2] : [0, 1]
  const inside = event.from === undefined && conn.self !== 'none' && inner.has(event.kind)
  const out: Rung = {
    key: `${conn.id}:${index}`, conn: conn.id, time: '+' + seconds(at), y,
    lanes: inside ? [1, 1] : near, label: happening(event), tone: tone(event), end: event.kind === 'fin' || event.kind === 'rst',
  }
  if (event.exchange !== undefined) out.exchange = event.exchange
  if (event.at_ms !== undefined) out.atMs = event.at_ms
  if (event.from !== undefined) {
    ;[out.from, out.to] = event.from === 'client' ? near : [near[1], near[0]]
  }
  return out
}

// inner are the events that happen inside the door.
const inner = new Set(['chosen', 'decision', 'waf-match', 'timeout', 'retry', 'pinned', 'incident', 'hanging', 'exchange-done', 'closed'])

function seconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 1000 ? 4 : 3)
}

// find gives the rung that evidence points at.
export function find(ladder: Ladder, evidence: { conn?: string; at_ms?: number }): Rung | undefined {
  const at = evidence.at_ms
  const of = ladder.rungs.filter((r) => r.conn === evidence.conn)
  if (at === undefined) return of[0]
  const distance = (r: Rung) => Math.abs((r.atMs ?? Infinity) - at)
  return of.reduce<Rung | undefined>((best, r) => (best === undefined || distance(r) < distance(best) ? r : best), undefined)
}
