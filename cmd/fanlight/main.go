// Command fanlight is the HTTPS front door you can see through.
package main

import (
	"os"

	"fanlight/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
