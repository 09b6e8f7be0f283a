// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// The systems of the world, and their names.
var (
	consumerASID = asid.MustParseID("928942012545")
	providerASID = asid.MustParseID("200000000205")
	otherASID    = asid.MustParseID("200000000206") // another provider
	nrlASID      = asid.MustParseID("999999999999")
)

const (
	consumerName = "nrl-rgd.consumer.thirdparty.nhs.uk"
	providerName = "nrl-rr8.supplier.thirdparty.nhs.uk"
	otherName    = "nrl-rxa.supplier.thirdparty.nhs.uk"
	nrlName      = "nrl.spine2.ncrs.nhs.uk"
	sspName      = "proxy.spine2.ncrs.nhs.uk"
)

// A world is a Spine in memory and what runs on it.
type world struct {
	pki       *spinetest.PKI
	ssp       *asidtest.SSP
	provider  *spinetest.Server
	nrl       *spinetest.Server
	discreet  *spinetest.Server // the same, but it does not tell which pointers exist
	deciding  *decidingRule
	consumer  tls.Certificate // asked about by OCSP
	systemRR8 tls.Certificate // asked about by CRL, as all others
	systemRXA tls.Certificate
}

func newWorld() (*world, error) {
	w := &world{pki: spinetest.NewPKI(), deciding: new(decidingRule)}
	logger := slog.New(w.deciding)
	registry, err := asid.NewMemory(
		asid.System{ASID: consumerASID, ODS: codes("RGD"), FQDNs: []string{consumerName},
			Interactions: []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceSearch, asid.DocumentReferenceContentRead}},
		asid.System{ASID: providerASID, ODS: codes("RR8"), FQDNs: []string{providerName},
			Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete}},
		asid.System{ASID: otherASID, ODS: codes("RXA"), FQDNs: []string{otherName},
			Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceDelete}},
	)
	if err != nil {
		return nil, err
	}

	records := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a record") })
	end := w.pki.Endpoint(providerName, sspName)
	end.Logger = logger
	gate := &asid.Gate{Self: providerASID, Peers: end, Logger: logger}
	w.provider = w.pki.NewServer(end, gate.Middleware(records))

	store := pointertest.MapResolver{"stored": &pointer.Pointer{
		ID: "stored", Version: "1", Status: "current", Custodian: codes("RR8")[0], Subject: patient, MasterIdentifier: identifier}}
	guarded := func(g *pointer.Guard) *spinetest.Server {
		end := w.pki.Endpoint(nrlName, consumerName, providerName, otherName)
		end.Logger = logger
		authorizer := &asid.Authorizer{Registry: registry, Self: nrlASID, Peers: end, Logger: logger}
		return w.pki.NewServer(end, authorizer.Middleware(g.Middleware(http.HandlerFunc(accept))))
	}
	w.nrl = guarded(&pointer.Guard{Resolver: store, Logger: logger, Disclose: true}) // as the NRL answers
	w.discreet = guarded(&pointer.Guard{Resolver: store, Logger: logger})

	w.ssp = asidtest.NewSSP(w.pki, sspName, registry)
	w.consumer = w.pki.Issue(consumerName, spinetest.WithOCSP())
	w.systemRR8 = w.pki.Issue(providerName)
	w.systemRXA = w.pki.Issue(otherName)
	return w, nil
}

func (w *world) close() {
	w.ssp.Close()
	w.nrl.Close()
	w.discreet.Close()
	w.provider.Close()
	w.pki.Close()
}

// accept answers what the guards let pass.
func accept(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusCreated)
	}
}

func codes(code string) []asid.ODSCode {
	parsed, err := asid.ParseODSCode(code)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", code, err)) // a literal of this file
	}
	return []asid.ODSCode{parsed}
}

// A decidingRule is a slog.Handler that keeps the rule of the last refusal.
type decidingRule struct {
	mu   sync.Mutex
	rule string
}

func (d *decidingRule) Enabled(context.Context, slog.Level) bool { return true }

func (d *decidingRule) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "rule" {
			return true
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rule = a.Value.String()
		return false
	})
	return nil
}

func (d *decidingRule) WithAttrs([]slog.Attr) slog.Handler { return d }
func (d *decidingRule) WithGroup(string) slog.Handler      { return d }

// take returns the rule and forgets it.
func (d *decidingRule) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	rule := d.rule
	d.rule = ""
	return rule
}
