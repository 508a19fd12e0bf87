import { describe, expect, test } from 'vitest'
import { find, foldAbove, layout } from './ladder'
import type { Chapter, Event } from './types'

function chapter(id: string, self: 'client' | 'server' | 'none', started: string, events: Event[]): Chapter {
  return { connection: { id, self, started, exchanges: 1, events }, exchanges: [] }
}

const client = chapter('c1', 'server', '2026-11-21T10:00:00.000000000Z', [
  { at_ms: 0, kind: 'established' },
  { at_ms: 1, kind: 'client-hello', from: 'client', facts: { sni: 'shop.test' } },
  { at_ms: 2, kind: 'chosen', text: 'shop', facts: { what: 'site' } },
  { at_ms: 20, kind: 'request', from: 'client', text: 'POST /pay' },
  { at_ms: 20, kind: 'request-done', from: 'client', bytes: 0 },
  { at_ms: 120_031, kind: 'response', from: 'server', status: 502, text: 'Bad Gateway' },
  { at_ms: 120_032, kind: 'fin', from: 'server' },
])
const origin = chapter('c2', 'client', '2026-11-21T10:00:00.021500000Z', [
  { at_ms: 0, kind: 'syn' },
  { at_ms: 9, kind: 'hello-request', from: 'server' },
  { at_ms: 120_000, kind: 'rst', from: 'server' },
])

describe('layout', () => {
  const ladder = layout([client, origin])
  const byKey = new Map(ladder.rungs.map((r) => [r.key, r]))

  test('orders the events of all connections by time', () => {
    expect(ladder.rungs.map((r) => r.key)).toEqual(['c1:0', 'c1:1', 'c1:2', 'c1:3', 'c2:0', 'c2:1', 'c2:2', 'c1:5', 'c1:6'])
    expect(byKey.get('c2:0')?.time).toBe('+0.0215')
  })

  test('leaves out what is not worth a line', () => {
    expect(byKey.has('c1:4')).toBe(false)
  })

  test('puts arrows into the lanes of their connection', () => {
    expect(byKey.get('c1:3')).toMatchObject({ from: 0, to: 1, label: 'POST /pay' })
    expect(byKey.get('c1:5')).toMatchObject({ from: 1, to: 0, tone: 'bad' })
    expect(byKey.get('c2:1')).toMatchObject({ from: 2, to: 1, tone: 'odd' })
    expect(byKey.get('c1:2')).toMatchObject({ lanes: [1, 1], label: 'site shop' })
    expect(byKey.get('c1:2')?.from).toBeUndefined()
  })

  test('marks the ends', () => {
    expect(ladder.rungs.filter((r) => r.end).map((r) => r.key)).toEqual(['c2:2', 'c1:6'])
  })

  test('folds a long silence and nothing else', () => {
    expect(ladder.folds.map((f) => f.label)).toEqual(['120 s nothing'])
    const [fold] = ladder.folds
    expect(fold!.y).toBeGreaterThan(byKey.get('c2:1')!.y)
    expect(fold!.y).toBeLessThan(byKey.get('c2:2')!.y)
    expect(ladder.height).toBeLessThan(1200)
  })

  test('keeps labels apart, and time to scale where there is room', () => {
    const ys = ladder.rungs.map((r) => r.y)
    ys.slice(1).forEach((y, i) => expect(y - ys[i]!).toBeGreaterThanOrEqual(24))
    const even = layout([chapter('c1', 'none', '', [0, 100, 300, 600].map((at_ms) => ({ at_ms, kind: 'request', text: 'GET /' })))])
    const [a, b, c, d] = even.rungs.map((r) => r.y) as [number, number, number, number]
    expect((c - b) / (b - a)).toBeCloseTo(2)
    expect((d - c) / (b - a)).toBeCloseTo(3)
    expect(even.lanes).toEqual(['client', 'server', ''])
  })

  test('finds the event that evidence points at', () => {
    expect(find(ladder, { conn: 'c2', at_ms: 9 })?.key).toBe('c2:1')
    expect(find(ladder, { conn: 'c2' })?.key).toBe('c2:0')
    expect(find(ladder, { conn: 'c9', at_ms: 9 })).toBeUndefined()
  })

  test('has no events', () => {
    expect(layout([chapter('c1', 'server', '', [])]).rungs).toEqual([])
  })

  test('is bounded', () => {
    const many = layout([chapter('c1', 'server', '', Array.from({ length: 5000 }, (_, i) => ({ at_ms: i, kind: 'syn' })))])
    expect(many.rungs.length + many.omitted).toBe(5000)
    expect(many.rungs.length).toBeLessThanOrEqual(600)
  })
})

test('foldAbove', () => {
  expect(foldAbove([0, 1, 2, 1, 120_000])).toBe(100)
  expect(foldAbove([0, 100, 100, 150])).toBe(2000)
  expect(foldAbove([])).toBe(100)
})
