import type { Summary } from './types'
import { searchable } from './words'

// A page never holds more connections than this.
export const maxConnections = 500

const number = (c: { id: string }) => Number(c.id.slice(1))

// merge puts changed connections into a list that is ordered newest first, and
// drops the oldest beyond the limit.
export function merge(list: readonly Summary[], changed: readonly Summary[], limit = maxConnections): Summary[] {
  const byID = new Map(list.map((c) => [c.id, c]))
  for (const c of changed) byID.set(c.id, c)
  return [...byID.values()].sort((a, b) => number(b) - number(a)).slice(0, limit)
}

// visible leaves the connections that the filter names; those to origins only
// on request.
export function visible(list: readonly Summary[], filter: string, origins: boolean): Summary[] {
  const wanted = filter.trim().toLowerCase()
  return list.filter((c) => (origins || c.self !== 'client') && (wanted === '' || searchable(c).includes(wanted)))
}

// step moves a selection by a number of places and stays inside the list; with
// nothing selected it begins at the top.
export function step<T extends { id: string }>(list: readonly T[], selected: string, by: number): string {
  const at = list.findIndex((item) => item.id === selected)
  if (at < 0) return list[0]?.id ?? ''
  return list[Math.min(list.length - 1, Math.max(0, at + by))]?.id ?? ''
}
