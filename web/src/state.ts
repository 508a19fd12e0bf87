import { computed, signal } from '@preact/signals'
import { api, Refused } from './api'
import { maxConnections, merge, visible } from './list'
import type { ConnectionsChanged, Finding, FindingsChanged, Health, Site, Summary } from './types'

export const sites = signal<Site[]>([])
export const addresses = signal<string[]>([])
export const health = signal<Health | null>(null)
export const connections = signal<Summary[]>([])
export const findings = signal<Finding[]>([])
export const filter = signal('')
export const origins = signal(false)
export const selected = signal('')
export const link = signal<'connecting' | 'live' | 'broken' | 'locked'>('connecting')
export const lost = signal(0)

export const shown = computed(() => visible(connections.value, filter.value, origins.value))

// While the list is paused, what changes waits here.
const waiting = signal<Summary[]>([])
export const paused = signal(false)
export const held = computed(() => waiting.value.length)

export function pause(on: boolean) {
  paused.value = on
  if (!on) {
    connections.value = merge(connections.value, waiting.value)
    waiting.value = []
  }
}

// touched tells which connections changed last, for a page that shows one.
export const touched = signal<ReadonlySet<string>>(new Set())

function changed(change: ConnectionsChanged) {
  const list = paused.value ? waiting : connections
  list.value = merge(list.value, change.items)
  lost.value += change.lost + change.more
  touched.value = new Set(change.items.map((c) => c.id))
}

export async function refreshAddresses() {
  addresses.value = await api.addresses()
}

async function refresh() {
  const [list, state] = await Promise.all([api.connections(maxConnections), api.health(), refreshAddresses()])
  connections.value = merge([], list)
  waiting.value = []
  health.value = state
}

// follow listens to the door for as long as the page lives; the browser
// connects again by itself.
export function follow() {
  const source = new EventSource('/api/stream')
  source.addEventListener('open', () => {
    link.value = 'live'
    refresh().catch(broken)
  })
  source.addEventListener('error', () => {
    link.value = 'broken'
    api.health().catch(broken)
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 3000)
  })
  const on = <T>(name: string, then: (data: T) => void) =>
    source.addEventListener(name, (e) => then(JSON.parse((e as MessageEvent<string>).data) as T))
  on<{ items: Site[] }>('sites', (d) => {
    sites.value = d.items
    refreshAddresses().catch(broken)
  })
  on<ConnectionsChanged>('connections', changed)
  on<FindingsChanged>('findings', (d) => (findings.value = d.items))
}

function broken(error: unknown) {
  if (error instanceof Refused && error.status === 401) link.value = 'locked'
}
