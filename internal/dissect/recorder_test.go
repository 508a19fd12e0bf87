package dissect

import (
	"io"

	"fanlight/internal/flow"
)

func (r *h2Record) whole() bool { return true }

func (r *h2Record) bodyTo(flow.ExchangeID, int) io.Writer { return nil }
