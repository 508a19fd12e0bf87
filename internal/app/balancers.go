package app

import (
	"fanlight/internal/config"
	"fanlight/internal/gateway"
)

// balancers are those of a configuration, by the address they connect to.
func balancers(c *config.Config) gateway.Balancers {
	out := gateway.Balancers{}
	for _, b := range c.Balancers {
		for _, addr := range b.Bind {
			out[addr] = b.From
		}
	}
	return out
}

// proxyHeader is the version of the header that origins of a route get, 0 for
// none.
func proxyHeader(version string) int {
	switch version {
	case "v1":
		return 1
	case "v2":
		return 2
	}
	return 0
}
