import type { Health, Incident, IncidentStory, Site, Story, Summary } from './types'

// Refused is an answer of the door that is not what was asked for.
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T[]> {
  const response = await fetch('/api/' + path, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const answer: unknown = await response.json().catch(() => ({}))
  if (!response.ok) {
    const error = (answer as { error?: string }).error
    throw new Refused(response.status, error ?? `the door answered ${response.status}`)
  }
  return (answer as { items: T[] }).items
}

async function one<T>(path: string): Promise<T> {
  const [item] = await call<T>('GET', path)
  if (item === undefined) throw new Refused(404, 'the door sent nothing')
  return item
}

export type SiteAction = 'start' | 'stop' | 'drain' | 'save'

const segment = encodeURIComponent

export const api = {
  health: () => one<Health>('health'),
  changeSite: (name: string, action: SiteAction) => call<Site>('POST', `sites/${segment(name)}/${action}`),
  addresses: () => call<string>('GET', 'addresses'),
  addAddress: (address: string) => call<string>('POST', 'addresses', { address }),
  removeAddress: (address: string) => call<string>('DELETE', 'addresses', { address }),
  connections: (limit: number) => call<Summary>('GET', `connections?limit=${limit}`),
  connection: (id: string) => one<Story>('connections/' + segment(id)),
  incidents: () => call<Incident>('GET', 'incidents'),
  incident: (id: string) => one<IncidentStory>('incidents/' + segment(id)),
}
