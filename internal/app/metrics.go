package app

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fanlight/internal/balance"
	"fanlight/internal/gateway"
)

// metrics shows the counters of the door's parts to Prometheus as they are at
// the moment of the question; nothing is counted twice.
type metrics struct{ a *App }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fanlight_"+name, help, labels, nil)
}

// descriptions of all metrics; constant after start.
var (
	descConnections = desc("connections_total", "Client connections accepted.")
	descOpen        = desc("connections_open", "Client connections open now.")
	descShed        = desc("connections_shed_total", "Client connections closed because there were too many.")
	descProxy       = desc("proxy_header_refused_total", "Connections of load balancers closed for want of a PROXY header that can be believed.")
	descHandshakes  = desc("handshakes_total", "TLS handshakes with clients by outcome.", "outcome")
	descResponses   = desc("responses_total", "Responses by class of status; none: the exchange ended without one.", "class")
	descIncidents   = desc("incidents_total", "Responses that Fanlight made because of a fault.")
	descRetries     = desc("retries_total", "Further tries of requests that an origin had failed.")
	descOrigins     = desc("origin_connections_total", "Connections opened to origins.")
	descFired       = desc("limits_fired_total", "Limits, timeouts and rules that ended or refused something, by name.", "limit")
	descFindings    = desc("findings_total", "Findings by id and severity.", "id", "severity")
	descUnread      = desc("recorder_unread_total", "Notable batches that came faster than they were explained.")
	descUnwritten   = desc("recorder_unwritten_total", "Batches and lines that the access log and the record file did not get.")
	descOverwritten = desc("recorder_overwritten_total", "Batches given up in memory for newer ones.")
	descTooLarge    = desc("recorder_too_large_total", "Batches too large to be kept.")
	descKept        = desc("recorder_bytes", "Bytes of records kept in memory.")
	descDiskLost    = desc("recorder_disk_lost_total", "Batches that were not written to disk: they came too fast, or there was no room.")
	descDiskWritten = desc("recorder_disk_written_total", "Batches written to disk.")
	descDiskKept    = desc("recorder_disk_bytes", "Bytes of records kept on disk.")
	descSites       = desc("sites", "Sites by state.", "state")

	descOriginUp       = desc("origin_up", "Whether new requests go to an origin: 1 or 0; below 1 while its share grows.", "site", "origin")
	descOriginActive   = desc("origin_requests_active", "Requests under way at an origin.", "site", "origin")
	descOriginQueue    = desc("origin_queue_length", "Requests that wait for an origin with as many as it may have.", "site", "origin")
	descOriginRequests = desc("origin_requests_total", "Requests given to an origin.", "site", "origin")
	descOriginFailures = desc("origin_failures_total", "Requests that failed by an origin's fault.", "site", "origin")
	descOriginRetries  = desc("origin_retries_total", "Requests that came to an origin after a try that failed.", "site", "origin")
)

// Describe implements prometheus.Collector.
func (m metrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m metrics) Collect(out chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	g := &m.a.gateway.Metrics
	count(descConnections, g.Connections.Load())
	gauge(descOpen, float64(m.a.gateway.Open()))
	count(descShed, g.Shed.Load())
	count(descProxy, g.ProxyRefused.Load())
	for _, o := range gateway.HandshakeOutcomes() {
		count(descHandshakes, g.Handshakes[o].Load(), o.String())
	}
	for class := range g.Responses {
		label := "none"
		if class > 0 {
			label = strconv.Itoa(class) + "xx"
		}
		count(descResponses, g.Responses[class].Load(), label)
	}
	count(descIncidents, g.Incidents.Load())
	count(descRetries, g.Retries.Load())
	count(descOrigins, g.Origins.Load())
	for limit, n := range g.Fired.All() {
		count(descFired, n, limit)
	}
	findings, unread := m.a.findings.Counts()
	for k, n := range findings {
		count(descFindings, n, k.id, k.severity.String())
	}
	count(descUnread, unread)
	m.collectStore(count, gauge)
	m.collectOrigins(count, gauge)
	states := map[string]float64{}
	for _, s := range m.a.table.All() {
		states[s.State().String()]++
	}
	for state, n := range states {
		gauge(descSites, n, state)
	}
}

// collectOrigins adds up what an origin does on all routes of a site.
func (m metrics) collectOrigins(count func(*prometheus.Desc, int64, ...string), gauge func(*prometheus.Desc, float64, ...string)) {
	type key struct{ site, origin string }
	sums, up := map[key]balance.Status{}, map[key]float64{}
	for _, p := range m.a.members() {
		k, s := key{p.site, p.m.Origin.Name}, p.m.Status()
		sum := sums[k]
		sum.Active, sum.Waiting = sum.Active+s.Active, sum.Waiting+s.Waiting
		sum.Requests, sum.Failures, sum.Retries = sum.Requests+s.Requests, sum.Failures+s.Failures, sum.Retries+s.Retries
		sums[k] = sum
		up[k] = max(up[k], s.Share)
	}
	for k, s := range sums {
		gauge(descOriginUp, up[k], k.site, k.origin)
		gauge(descOriginActive, float64(s.Active), k.site, k.origin)
		gauge(descOriginQueue, float64(s.Waiting), k.site, k.origin)
		count(descOriginRequests, s.Requests, k.site, k.origin)
		count(descOriginFailures, s.Failures, k.site, k.origin)
		count(descOriginRetries, s.Retries, k.site, k.origin)
	}
}

func (m metrics) collectStore(count func(*prometheus.Desc, int64, ...string), gauge func(*prometheus.Desc, float64, ...string)) {
	if m.a.store == nil {
		return
	}
	s := m.a.store.Stats()
	count(descOverwritten, s.Overwritten)
	count(descTooLarge, int64(s.TooLarge))
	count(descUnwritten, m.a.unwritten())
	gauge(descKept, float64(s.Bytes))
	if d := m.a.disk.Load(); d != nil {
		s := d.Stats()
		count(descDiskLost, s.Lost)
		count(descDiskWritten, s.Written)
		gauge(descDiskKept, float64(s.Bytes))
	}
}

func (a *App) metricsHandler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(metrics{a}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
