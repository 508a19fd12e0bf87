import { signal } from '@preact/signals'

export type Route =
  | { view: 'connections' }
  | { view: 'connection'; id: string }
  | { view: 'findings' }
  | { view: 'incident'; id: string }

// parse reads the part of the address behind #.
export function parse(hash: string): Route {
  const [view, id] = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent)
  if (view === 'connections' && id) return { view: 'connection', id }
  if (view === 'findings') return { view: 'findings' }
  if (view === 'incidents') return { view: 'incident', id: id ?? '' }
  return { view: 'connections' }
}

export const route = signal<Route>({ view: 'connections' })

export function go(path: string) {
  location.hash = '/' + path
}

export function listen() {
  const read = () => (route.value = parse(location.hash))
  addEventListener('hashchange', read)
  read()
}
