import { render } from 'preact'
import { listenToKeys } from './keys'
import { listen } from './route'
import { follow } from './state'
import './style.css'
import { App } from './views/app'

listen()
listenToKeys()
follow()
render(<App />, document.getElementById('app')!)
