import { go } from '../route'
import { connections, filter, held, origins, pause, paused, selected, shown } from '../state'
import type { Summary } from '../types'
import { clock, ending, protection } from '../words'
import { Refusal } from './judgement'

export function Connections() {
  return (
    <>
      <div class="bar">
        <h1>Connections</h1>
        <input
          id="filter" type="search" aria-label="Filter" placeholder="Filter (press /)" value={filter.value}
          onInput={(e) => (filter.value = e.currentTarget.value)}
        />
        <label>
          <input type="checkbox" checked={origins.value} onChange={(e) => (origins.value = e.currentTarget.checked)} /> to origins too
        </label>
        <button aria-pressed={paused.value} onClick={() => pause(!paused.value)}>
          {paused.value ? `Go on${held.value > 0 ? ` (${held.value} waiting)` : ''}` : 'Pause'}
        </button>
        <span class="quiet">{shown.value.length} shown</span>
      </div>
      <div class="table">
        <table>
          <thead>
            <tr><th>Time</th><th>Client</th><th>Site</th><th>TLS</th><th class="number">Requests</th><th>Last</th><th>End</th></tr>
          </thead>
          <tbody>{shown.value.map((c) => <Row key={c.id} c={c} chosen={selected.value === c.id} />)}</tbody>
        </table>
        {shown.value.length === 0 && <Empty />}
      </div>
      <p class="quiet hints"><kbd>j</kbd> <kbd>k</kbd> move · <kbd>Enter</kbd> opens · <kbd>Esc</kbd> back · <kbd>/</kbd> filters</p>
    </>
  )
}

function Empty() {
  return connections.value.length > 0
    ? <p class="empty">No connection matches the filter.</p>
    : <p class="empty">No connection yet. Open one of the sites.</p>
}

function Row({ c, chosen }: { c: Summary; chosen: boolean }) {
  const failed = c.tls?.done === false || c.close?.how === 'rst' || (c.last?.status ?? 0) >= 500 || c.trouble !== undefined
  return (
    <tr
      id={'row-' + c.id} class={failed ? 'failed' : ''} aria-selected={chosen}
      onClick={() => {
        selected.value = c.id
        go('connections/' + c.id)
      }}
    >
      <td class="time"><a href={'#/connections/' + c.id}>{clock(c.started) || c.id}</a></td>
      <td><code>{c.self === 'client' ? 'Fanlight' : c.proxied_client ?? c.client ?? '?'}</code></td>
      <td>{c.self === 'client' ? <>→ <code>{c.origin ?? c.server ?? '?'}</code></> : c.site ?? <code>{c.server ?? '?'}</code>}</td>
      <td>
        <span class={c.tls?.done === false ? 'bad' : ''}>{protection(c)}</span> <span class="quiet">{c.tls?.sni}</span>
      </td>
      <td class="number">{c.exchanges}</td>
      <td class="last"><Last c={c} /></td>
      <td class={'ending' + (c.close?.how === 'rst' ? ' bad' : '')} title={ending(c)}>{ending(c)}</td>
    </tr>
  )
}

function Last({ c }: { c: Summary }) {
  const x = c.last
  if (!x) return c.trouble ? <span class="bad">{c.trouble}</span> : null
  const status = x.status ?? 0
  const grade = status >= 500 || status === 0 && x.outcome ? 'bad' : status >= 400 ? 'odd' : 'good'
  return (
    <>
      <span class={'status ' + grade}>{status || x.outcome || '…'}</span> {x.by && <Refusal by={x.by} watched={x.watched} />}{x.method} {x.target}
      {c.trouble && !x.by && <span class="bad"> {c.trouble}</span>}
    </>
  )
}
