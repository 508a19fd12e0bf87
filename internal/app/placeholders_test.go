package app

import (
	"slices"
	"testing"

	"fanlight/internal/config"
	"fanlight/internal/gateway"
)

// What the configuration takes for a placeholder is what the gateway replaces.
func TestPlaceholdersAreTheSame(t *testing.T) {
	if asked, replaced := config.Placeholders(), gateway.Placeholders(); !slices.Equal(asked, replaced) {
		t.Errorf("config knows %v, gateway %v", asked, replaced)
	}
}
