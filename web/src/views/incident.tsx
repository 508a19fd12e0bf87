import { useSignal, useSignalEffect } from '@preact/signals'
import { api } from '../api'
import type { Incident, IncidentStory, Story } from '../types'
import { clock } from '../words'
import { StoryView } from './story'

export function IncidentPage({ id }: { id: string }) {
  const told = useSignal<IncidentStory | null>(null)
  const fault = useSignal('')
  useSignalEffect(() => {
    api.incident(id).then(
      (s) => (told.value = s),
      (e: Error) => (fault.value = e.message),
    )
  })
  return (
    <>
      <div class="bar"><h1>Incident {id}</h1><a href="#/">all connections</a></div>
      {fault.value && <p class="notice bad">{fault.value}</p>}
      {told.value && <Why told={told.value} />}
    </>
  )
}

function Why({ told }: { told: IncidentStory }) {
  return (
    <>
      <Headline incident={told.incident} />
      {told.connection
        ? <StoryView story={told as Story} exchange={told.incident.exchange} />
        : <p class="quiet">The record of its connection is no longer kept.</p>}
    </>
  )
}

function Headline({ incident: i }: { incident: Incident }) {
  return (
    <p class="headline">
      {i.status && <span class="status bad">{i.status}</span>} {i.cause}{' '}
      <span class="quiet">{clock(i.time)}{i.site && `, site ${i.site}`}</span>
    </p>
  )
}
