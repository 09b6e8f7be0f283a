// SPDX-License-Identifier: Apache-2.0

// Package metrics tells Prometheus what a revocation.CRLs and a revocation.OCSP
// know, and how they come to know. It is an example of its own module, to be
// copied: importing revocation must not bring Prometheus along.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A Collector implements prometheus.Collector. Alert on
//
//	time() - nrl_revocation_look_oldest_seconds > 2 * 3600   (news may be missed)
//	nrl_revocation_crl_next_update_seconds - time() < 6 * 3600   (refusals to come)
type Collector struct {
	CRLs *revocation.CRLs // nil: none
	OCSP *revocation.OCSP // nil: none
}

// Descriptions of the metrics. A URL comes from a certificate that a pinned CA
// signed, so labels are as many as that CA's distribution points.
var (
	nextUpdate = describe("crl_next_update_seconds", "When the CRL that decides runs out; 0: it names no time.", "issuer", "scope", "source", "delta")
	thisUpdate = describe("crl_this_update_seconds", "When the CRL that decides was issued.", "issuer", "scope", "source", "delta")
	entries    = describe("crl_entries", "Entries of the CRL that decides.", "issuer", "scope", "source", "delta")
	unverified = describe("unverified", "Documents whose signer is not known yet.", "kind")
	answers    = describe("ocsp_answers", "OCSP answers that are known.", "status")
	oldest     = describe("look_oldest_seconds", "When what was looked after longest ago last was; 0: never.", "kind", "url")
	failing    = describe("looks_failing", "Looks of which the last attempt failed.", "kind", "url")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("nrl_revocation_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c Collector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c Collector) Collect(out chan<- prometheus.Metric) {
	if c.CRLs != nil {
		state := c.CRLs.State()
		collectLists(out, state.Lists)
		collectLooks(out, "crl", state.Looks)
		gauge(out, unverified, float64(state.Unverified), "crl")
	}
	if c.OCSP != nil {
		state := c.OCSP.State()
		statuses := map[string]int{"good": 0, "revoked": 0, "unknown": 0}
		for _, a := range state.Answers {
			switch a.Status {
			case revocation.Good:
				statuses["good"]++
			case revocation.Revoked:
				statuses["revoked"]++
			default:
				statuses["unknown"]++
			}
		}
		for status, n := range statuses {
			gauge(out, answers, float64(n), status)
		}
		collectLooks(out, "ocsp", state.Looks)
		gauge(out, unverified, float64(state.Unverified), "ocsp")
	}
}

// collectLists tells of the lists that decide. Of two with the same labels, as
// those of two keys of one CA may have, it tells of the one that runs out first.
func collectLists(out chan<- prometheus.Metric, lists []revocation.ListState) {
	type labels struct{ issuer, scope, source, delta string }
	first := map[labels]revocation.ListState{}
	for _, l := range lists {
		if !l.Decides {
			continue
		}
		key := labels{l.Issuer, l.Scope, l.Source, yes(l.Delta)}
		if other, ok := first[key]; !ok || l.NextUpdate.Before(other.NextUpdate) {
			first[key] = l
		}
	}
	for key, l := range first {
		of := []string{key.issuer, key.scope, key.source, key.delta}
		gauge(out, nextUpdate, seconds(l.NextUpdate), of...)
		gauge(out, thisUpdate, seconds(l.ThisUpdate), of...)
		gauge(out, entries, float64(l.Entries), of...)
	}
}

// collectLooks tells of each URL once: a responder is asked about many
// certificates.
func collectLooks(out chan<- prometheus.Metric, kind string, looks []revocation.Look) {
	type summary struct {
		oldest time.Time
		failed int
	}
	byURL := map[string]*summary{}
	for _, look := range looks {
		s := byURL[look.URL]
		if s == nil {
			s = &summary{oldest: look.Last}
			byURL[look.URL] = s
		}
		if look.Last.Before(s.oldest) {
			s.oldest = look.Last
		}
		if look.Err != nil {
			s.failed++
		}
	}
	for url, s := range byURL {
		gauge(out, oldest, seconds(s.oldest), kind, url)
		gauge(out, failing, float64(s.failed), kind, url)
	}
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, value, labels...)
	if err != nil { // a label that is not UTF-8
		m = prometheus.NewInvalidMetric(d, err)
	}
	out <- m
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
