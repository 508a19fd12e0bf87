package app

import (
	"fanlight/internal/balance"
	"fanlight/internal/config"
)

// buildGroup makes the origins of a route.
func (b *builder) buildGroup(c *config.Route) (*balance.Group, error) {
	var members []*balance.Member
	for _, to := range c.To {
		o, err := b.buildOrigin(to, c)
		if err != nil {
			return nil, err
		}
		members = append(members, &balance.Member{Origin: o})
	}
	group := balance.New(balance.Options{Retry: balance.Default()}, members...)
	b.inherit(group)
	return group, nil
}
