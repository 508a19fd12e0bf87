package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"fanlight/internal/app"
)

// orders are the signals that tell a door something else than to end. They are
// taken until the process ends, also before the door serves and after another
// one has taken over: each would kill the process otherwise.
type orders struct {
	reload, upgrade chan os.Signal
	ended           chan struct{}
}

func takeOrders() *orders {
	o := &orders{make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan struct{})}
	signal.Notify(o.reload, syscall.SIGHUP)
	notifyUpgrade(o.upgrade)
	return o
}

// follow has the door read its configuration again when SIGHUP says so, and
// start its program anew when SIGUSR2 does; ctx ends an upgrade that is under way.
// The door's log tells what comes of it, also when it takes no orders any more.
func (o *orders) follow(ctx context.Context, door *app.App) {
	for {
		select {
		case <-o.ended:
			return
		case <-o.upgrade:
			go door.Upgrade(ctx)
		case <-o.reload:
			_, _ = door.Reload(false)
		}
	}
}

func (o *orders) end() {
	signal.Stop(o.reload)
	signal.Stop(o.upgrade)
	close(o.ended)
}
