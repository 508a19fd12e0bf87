import { expect, test } from 'vitest'
import { parse } from './route'
import { duration, ending, happening, size } from './words'

test('duration', () => {
  expect([0, 0.25, 1.24, 30.1, 999, 5000, 120_030, 3_600_000].map(duration))
    .toEqual(['0 ms', '0.25 ms', '1.2 ms', '30 ms', '999 ms', '5 s', '120 s', '60 min'])
})

test('size', () => {
  expect([0, 4096, 90_112, 64_000_000].map(size)).toEqual(['0 B', '4096 B', '90 kB', '64 MB'])
})

test('ending names the parties by what they are for the door', () => {
  const closed = (self: 'client' | 'server' | 'none', by: 'client' | 'server' | 'unknown', how: 'fin' | 'rst' | 'none') =>
    ending({ id: 'c1', self, exchanges: 0, close: { by, how, alert: null, after_ms: 2000 } })
  expect(closed('server', 'client', 'fin')).toBe('client closed after 2 s')
  expect(closed('server', 'server', 'fin')).toBe('Fanlight closed after 2 s')
  expect(closed('client', 'server', 'rst')).toBe('origin reset after 2 s')
  expect(closed('client', 'client', 'rst')).toBe('Fanlight reset after 2 s')
  expect(closed('none', 'server', 'rst')).toBe('server reset after 2 s')
  expect(closed('none', 'unknown', 'none')).toBe('ended after 2 s')
  expect(ending({ id: 'c1', self: 'server', exchanges: 0 })).toBe('open')
})

test('happening', () => {
  expect(happening({ kind: 'chosen', text: 'shop', facts: { what: 'site' } })).toBe('site shop')
  expect(happening({ kind: 'timeout', text: 'first byte', facts: { limit_ms: '60000' } })).toBe('timeout: first byte (60 s)')
  expect(happening({ kind: 'exchange-done', text: 'complete' })).toBe('')
  expect(happening({ kind: 'something-new', text: 'x' })).toBe('something-new x')
})

test('route', () => {
  expect(parse('')).toEqual({ view: 'connections' })
  expect(parse('#/connections/c7')).toEqual({ view: 'connection', id: 'c7' })
  expect(parse('#/findings')).toEqual({ view: 'findings' })
  expect(parse('#/incidents/a%20b')).toEqual({ view: 'incident', id: 'a b' })
})
