package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"fanlight/internal/app"
	"fanlight/internal/config"
)

// asDoor is the environment variable that has this program be a door: what the
// command line makes of one, without flags but for --take-over behind the file.
const asDoor = "FANLIGHT_TEST_AS_DOOR"

func doorMain(args []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	upgrades := make(chan os.Signal, 1)
	signal.Notify(upgrades, syscall.SIGUSR2)
	cfg, err := config.Load(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	door, err := app.New(cfg, app.Options{
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), TakeOver: slices.Contains(args, "--take-over"),
		Upgrade: func() (*exec.Cmd, error) {
			cmd := exec.Command(os.Args[0], args[0], "--take-over")
			cmd.Stderr = os.Stderr
			return cmd, nil
		},
	})
	if err == nil {
		err = door.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	for {
		select {
		case <-upgrades:
			go door.Upgrade(ctx)
			continue
		case <-door.HandedOver():
			door.Linger(ctx)
		case <-ctx.Done():
		}
		door.Shutdown(context.Background())
		return 0
	}
}
