import { describe, expect, test } from 'vitest'
import { merge, step, visible } from './list'
import type { Summary } from './types'

const c = (id: string, more: Partial<Summary> = {}): Summary => ({ id, self: 'server', exchanges: 0, ...more })
const ids = (list: Summary[]) => list.map((s) => s.id)

describe('merge', () => {
  test('puts the newest first and replaces what is known', () => {
    const got = merge([c('c9'), c('c2')], [c('c10'), c('c2', { exchanges: 5 })])
    expect(ids(got)).toEqual(['c10', 'c9', 'c2'])
    expect(got[2]!.exchanges).toBe(5)
  })
  test('never grows beyond its limit', () => {
    let list: Summary[] = []
    for (let i = 1; i <= 100; i++) list = merge(list, [c('c' + i)], 10)
    expect(ids(list)).toEqual(['c100', 'c99', 'c98', 'c97', 'c96', 'c95', 'c94', 'c93', 'c92', 'c91'])
  })
  test('changes nothing that it was given', () => {
    const list = [c('c1')]
    merge(list, [c('c2')])
    expect(ids(list)).toEqual(['c1'])
  })
})

test('visible', () => {
  const list = [
    c('c3', { tls: { sni: 'Books.test', done: false }, trouble: 'tls-failed: site books is stopped' }),
    c('c2', { self: 'client', origin: 'https://10.0.0.5' }),
    c('c1', { last: { id: 'x1', target: '/cart', status: 502 }, close: { by: 'client', how: 'rst', alert: null, after_ms: 5000 } }),
  ]
  const got = (filter: string, origins = false) => ids(visible(list, filter, origins))
  expect(got('')).toEqual(['c3', 'c1'])
  expect(got('', true)).toEqual(['c3', 'c2', 'c1'])
  expect(got('books.TEST')).toEqual(['c3'])
  expect(got(' 502 ')).toEqual(['c1'])
  expect(got('client reset after 5 s')).toEqual(['c1'])
  expect(got('nowhere')).toEqual([])
})

test('step', () => {
  const list = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]
  expect(step(list, '', 1)).toBe('a')
  expect(step(list, 'a', 1)).toBe('b')
  expect(step(list, 'c', 1)).toBe('c')
  expect(step(list, 'a', -1)).toBe('a')
  expect(step(list, 'gone', -1)).toBe('a')
  expect(step([], 'a', 1)).toBe('')
})
