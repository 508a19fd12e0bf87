import { useSignal } from '@preact/signals'
import { api, type SiteAction } from '../api'
import { addresses, sites } from '../state'
import type { Binding, Certificate, Site, SiteState } from '../types'

export function Sites() {
  return (
    <aside>
      <h2>Sites</h2>
      {sites.value.length === 0 && <p class="quiet">No site is configured.</p>}
      {sites.value.map((s) => <SiteCard key={s.name} site={s} />)}
      <Addresses />
    </aside>
  )
}

const doing: Record<SiteAction, string> = { start: 'starting', stop: 'stopping', drain: 'draining', save: 'writing the file' }

function SiteCard({ site }: { site: Site }) {
  const busy = useSignal('')
  const fault = useSignal('')
  const act = async (action: SiteAction) => {
    busy.value = doing[action]
    fault.value = ''
    try {
      const [now] = await api.changeSite(site.name, action)
      if (now) sites.value = sites.value.map((s) => (s.name === now.name ? now : s))
    } catch (e) {
      fault.value = String((e as Error).message)
    }
    busy.value = ''
  }
  const button = (action: SiteAction, label: string, title: string, possible: boolean) =>
    possible && <button title={title} disabled={busy.value !== ''} onClick={() => act(action)}>{label}</button>
  const on = site.state === 'serving'
  return (
    <article class="site" data-site={site.name} data-state={site.state}>
      <h3>
        <StateMark state={site.state} />
        {site.url && on ? <a href={site.url} target="_blank" rel="noreferrer">{site.name}</a> : site.name}
        <span class={'state ' + site.state}>{busy.value || site.state}</span>
      </h3>
      {site.bindings.map((b) => <BindingLine key={b.address + b.plain} binding={b} />)}
      {site.certificate && <CertificateLine certificate={site.certificate} />}
      {site.reason && <p class="reason">{site.reason}</p>}
      {fault.value && fault.value !== site.reason && <p class="reason" role="alert">{fault.value}</p>}
      {site.differs && <p class="differs">The file says {site.configured}.</p>}
      <div class="buttons">
        {button('start', 'Start', 'Open its addresses and serve', !on)}
        {button('stop', 'Stop', 'Take nothing new, let open exchanges finish, close tunnels', on || site.state === 'draining')}
        {button('drain', 'Drain', 'Take nothing new, wait for tunnels too', on)}
        {button('save', 'Keep', 'Write this state into the configuration file', site.differs)}
      </div>
    </article>
  )
}

// StateMark differs in shape, not in colour alone.
function StateMark({ state }: { state: SiteState }) {
  return (
    <svg class={'mark ' + state} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {state === 'serving' && <circle cx="8" cy="8" r="6.5" class="fill" />}
      {state === 'draining' && <><circle cx="8" cy="8" r="6" /><path d="M8 2a6 6 0 0 1 0 12z" class="fill" /></>}
      {state === 'stopped' && <rect x="2.5" y="2.5" width="11" height="11" />}
      {state === 'failed' && <><path d="M8 1.5 15 14.5H1z" class="fill" /><path d="M8 6v4M8 12v1" class="sign" /></>}
    </svg>
  )
}

function BindingLine({ binding }: { binding: Binding }) {
  return (
    <p class="binding">
      <code>{binding.plain ? 'http://' : ''}{binding.address}</code>{' '}
      <span class="quiet">{binding.names?.length ? binding.names.join(', ') : 'every name'}</span>
    </p>
  )
}

function CertificateLine({ certificate }: { certificate: Certificate }) {
  if (certificate.fault) return <p class="reason">{certificate.fault}</p>
  const until = certificate.not_after ? new Date(certificate.not_after).toLocaleDateString() : undefined
  return (
    <p class="quiet" title={certificate.names?.join(', ')}>
      certificate by {certificate.issuer ?? 'unknown'}{until && <>, until {until}</>}
    </p>
  )
}

function Addresses() {
  const entry = useSignal('')
  const fault = useSignal('')
  const run = async (change: Promise<string[]>) => {
    fault.value = ''
    try {
      addresses.value = await change
      entry.value = ''
    } catch (e) {
      fault.value = String((e as Error).message)
    }
  }
  const add = (e: Event) => {
    e.preventDefault()
    void run(api.addAddress(entry.value.trim()))
  }
  return (
    <>
      <h2>Addresses</h2>
      {addresses.value.length === 0
        ? <p class="quiet">No list: sites may use any address.</p>
        : <p class="quiet">Sites are bound to these and to nothing else.</p>}
      <ul class="addresses">
        {addresses.value.map((a) => (
          <li key={a}>
            <code>{a}</code>
            <button class="small" aria-label={'Remove ' + a} title="Remove" onClick={() => run(api.removeAddress(a))}>×</button>
          </li>
        ))}
      </ul>
      <form class="add" onSubmit={add}>
        <input
          aria-label="Address to add" placeholder="127.0.0.4" required value={entry.value}
          onInput={(e) => (entry.value = e.currentTarget.value)}
        />
        <button>Add</button>
      </form>
      {fault.value && <p class="reason" role="alert">{fault.value}</p>}
    </>
  )
}
