package app_test

import (
	"strings"
	"testing"

	"fanlight/internal/app"
	"fanlight/internal/config"
)

// Two doors with one data folder would overwrite each other's state: the
// second does not start, until the first has ended.
func TestOneDoorPerDataFolder(t *testing.T) {
	data := t.TempDir()
	door := func(control string, o app.Options) *app.App {
		t.Helper()
		cfg, err := config.Parse(data+"/fanlight.yaml", []byte("console: off\ndata: "+data+"\ncontrol: unix:"+data+"/"+control+"\n"))
		must(t, err)
		a, err := app.New(cfg, o)
		must(t, err)
		return a
	}
	first := door("1.sock", app.Options{})
	must(t, first.Start())
	second := door("2.sock", app.Options{})
	if err := second.Start(); err == nil || !strings.Contains(err.Error(), "another door uses it") {
		t.Errorf("a second door: got %v", err)
	}
	second.Shutdown(t.Context())
	guest := door("3.sock", app.Options{Ephemeral: true})
	must(t, guest.Start())
	guest.Shutdown(t.Context())
	first.Shutdown(t.Context())
	third := door("4.sock", app.Options{})
	must(t, third.Start())
	third.Shutdown(t.Context())
}
