package cli

import (
	"slices"
	"testing"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

func TestMergeAlike(t *testing.T) {
	finding := func(cause string, conn flow.ConnID, x flow.ExchangeID) explain.Finding {
		return explain.Finding{ID: "port-closed", Cause: cause, Conns: []flow.ConnID{conn}, Exchanges: []flow.ExchangeID{x}}
	}
	got := mergeAlike([]explain.Finding{finding("a", 1, 1), finding("b", 2, 2), finding("a", 1, 3)})
	if len(got) != 2 || !slices.Equal(got[0].Conns, []flow.ConnID{1}) || !slices.Equal(got[0].Exchanges, []flow.ExchangeID{1, 3}) || got[1].Cause != "b" {
		t.Errorf("%+v", got)
	}
}
