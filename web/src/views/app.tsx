import { useSignal } from '@preact/signals'
import { go, route } from '../route'
import { findings, health, link, lost } from '../state'
import { Connections } from './connections'
import { ConnectionPage } from './connection'
import { Findings } from './findings'
import { IncidentPage } from './incident'
import { Sites } from './sites'

export function App() {
  return (
    <>
      <Header />
      <main>
        <Sites />
        <section class="stage">
          <Notices />
          <View />
        </section>
      </main>
    </>
  )
}

function View() {
  const to = route.value
  switch (to.view) {
    case 'connections':
      return <Connections />
    case 'connection':
      return <ConnectionPage key={to.id} id={to.id} />
    case 'findings':
      return <Findings />
    case 'incident':
      return <IncidentPage key={to.id} id={to.id} />
  }
}

function Header() {
  const view = route.value.view
  const errors = findings.value.filter((f) => f.severity !== 'note').length
  const here = (...views: string[]) => (views.includes(view) ? 'page' : undefined)
  return (
    <header>
      <a class="brand" href="#/">
        <svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
          <path d="M2 18a14 14 0 0 1 28 0zM16 18V4M16 18 6 8M16 18 26 8" />
        </svg>
        Fanlight
      </a>
      <nav aria-label="Views">
        <a href="#/" aria-current={here('connections', 'connection')}>Connections</a>
        <a href="#/findings" aria-current={here('findings')}>
          Findings {errors > 0 && <span class="count">{errors}</span>}
        </a>
      </nav>
      <IncidentBox />
      <Link />
    </header>
  )
}

function IncidentBox() {
  const id = useSignal('')
  const look = (e: Event) => {
    e.preventDefault()
    if (id.value.trim() !== '') go('incidents/' + encodeURIComponent(id.value.trim()))
  }
  return (
    <form class="lookup" role="search" onSubmit={look}>
      <input
        aria-label="Incident id" placeholder="Incident id" size={16} value={id.value}
        onInput={(e) => (id.value = e.currentTarget.value)}
      />
      <button>Why?</button>
    </form>
  )
}

function Link() {
  const words = { connecting: 'connecting', live: 'live', broken: 'no connection to the door', locked: 'locked' }
  return <span class={'link ' + link.value} role="status">{words[link.value]}</span>
}

function Notices() {
  const state = health.value
  return (
    <>
      {link.value === 'locked' && <p class="notice bad">The token of this page is no longer good. Open the address that fanlight run printed.</p>}
      {state?.warnings.map((w) => <p class="notice" key={w}>{w}</p>)}
      {state && !state.recording && <p class="notice">Recording is off: only incidents are kept.</p>}
      {lost.value > 0 && <p class="notice">{lost.value} changes came faster than this page could show them.</p>}
    </>
  )
}
