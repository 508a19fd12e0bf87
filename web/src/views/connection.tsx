import { useSignal, type Signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { api } from '../api'
import { touched } from '../state'
import type { Story } from '../types'
import { StoryView } from './story'

const patience = 1000 // ms between two readings of a connection that goes on

export function ConnectionPage({ id }: { id: string }) {
  const story = useSignal<Story | null>(null)
  const fault = useSignal('')
  useEffect(() => keepReading(id, story, fault), [id])
  return (
    <>
      <div class="bar"><h1>Connection {id}</h1><a href="#/">all connections</a></div>
      {fault.value && !story.value && <p class="notice bad">{fault.value}</p>}
      {story.value && <StoryView story={story.value} />}
    </>
  )
}

// keepReading reads a story now, and again when one of its connections
// changed, until the function that it gives is called.
function keepReading(id: string, story: Signal<Story | null>, fault: Signal<string>): () => void {
  let over = false
  let busy = false
  let dirty = true
  const read = async () => {
    if (!dirty || busy) return
    busy = true
    dirty = false
    try {
      const got = await api.connection(id)
      if (!over) story.value = got
    } catch (e) {
      if (!over) fault.value = String((e as Error).message)
    }
    busy = false
  }
  const unsubscribe = touched.subscribe((changed) => {
    const related = story.peek()?.related.map((c) => c.connection.id) ?? []
    dirty ||= [id, ...related].some((c) => changed.has(c))
  })
  void read()
  const timer = setInterval(read, patience)
  return () => {
    over = true
    unsubscribe()
    clearInterval(timer)
  }
}
