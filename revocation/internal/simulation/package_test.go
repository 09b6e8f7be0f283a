// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A program is a process made of the package revocation.
type program struct {
	env     environment
	crls    *revocation.CRLs
	ocsp    *revocation.OCSP // nil: the certificates name no responder
	checker *revocation.Checker
}

func newProgram(e environment) process {
	p := &program{env: e}
	var fetcher revocation.Fetcher
	if e.fetch != nil {
		fetcher = fetcherOf(e.fetch)
	}
	var cache revocation.Cache
	if e.cache != nil {
		cache = cacheOf{e.cache, e.now}
	}
	p.crls = &revocation.CRLs{Fetcher: fetcher, Cache: cache, Issuers: e.issuers, Refresh: refresh, Time: e.now,
		KeepDER: true} // lists are read in place where nothing is fetched and there is no Cache of the simulation's
	p.checker = &revocation.Checker{Sources: []revocation.Source{p.crls}, Time: e.now}
	if e.config.shape.OCSP {
		p.ocsp = &revocation.OCSP{Fetcher: fetcher, Cache: cache, Refresh: refresh, NoNonce: !e.config.nonce, ResponderStatus: p.crls, Time: e.now}
		if e.config.ocspFirst {
			p.checker.Sources = []revocation.Source{p.ocsp, p.crls}
		} else {
			p.checker.Sources = append(p.checker.Sources, p.ocsp)
		}
	}
	return p
}

func (p *program) check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	return p.checker.Check(ctx, chain, stapled)
}

func (p *program) add(documents ...*document) error {
	switch d := documents[0]; {
	case d.kind == answer && p.ocsp == nil:
		return nil
	case d.kind == answer:
		return p.ocsp.Add(d.der)
	case len(documents) == 1:
		return p.crls.Add(d.der)
	}
	var file []byte
	for _, d := range documents {
		file = append(file, d.String()+"\n"...) // as openssl crl -text has it before a block
		file = append(file, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: d.der})...)
	}
	return p.crls.Add(file)
}

func (p *program) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { p.crls.Run(ctx) })
	if p.ocsp != nil {
		running.Go(func() { p.ocsp.Run(ctx) })
	}
	running.Wait()
}

func (p *program) close() {}

// fetcherOf asks the world.
type fetcherOf func(context.Context, *fetch)

func (f fetcherOf) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	asked := &fetch{url: r.URL, body: r.Body, etag: r.ETag, noCache: r.NoCache}
	f(ctx, asked)
	switch {
	case asked.err != nil:
		return nil, &revocation.FetchError{URL: r.URL, Err: asked.err}
	case asked.notModified:
		return &revocation.Response{NotModified: true, ETag: asked.etag}, nil
	case asked.raw == nil:
		return nil, &revocation.FetchError{URL: r.URL, Err: errors.New("nothing came")}
	}
	return &revocation.Response{Body: asked.raw, ETag: asked.tag}, nil
}

// cacheOf is the shared store as a Cache.
type cacheOf struct {
	handle *handle
	now    func() time.Time
}

func (c cacheOf) Get(ctx context.Context, key string) ([]revocation.Member, error) {
	found, err := c.handle.get(ctx, key)
	if err != nil {
		return nil, err
	}
	return membersOf(found[key]), nil
}

func (c cacheOf) Merge(ctx context.Context, key string, members ...revocation.Member) error {
	return c.handle.merge(ctx, key, func(a, b []member) []member {
		return storedOf(revocation.Join(c.now(), membersOf(a), membersOf(b)))
	}, storedOf(members)...)
}

func membersOf(stored []member) (members []revocation.Member) {
	for _, m := range stored {
		members = append(members, revocation.Member{Order: m.order.(string), Digest: m.digest, Bytes: m.bytes})
	}
	return members
}

func storedOf(members []revocation.Member) (stored []member) {
	for _, m := range members {
		stored = append(stored, member{order: m.Order, digest: m.Digest, bytes: m.Bytes})
	}
	return stored
}

// TestSeedsThatFailed plays histories in which the package, or the oracle, was once
// wrong.
func TestSeedsThatFailed(t *testing.T) {
	for name, seed := range map[string]uint64{
		"a Cache that hangs is waited for a second by each source, not by each key":    2422,
		"where a list came from that another process found is lost with the store":     3328,
		"a good answer that took a revocation back is known as long as the revocation": 2221,
		"a later good answer of a responder ends its earlier one":                      3971,
		"a superseded list that a mirror serves again is the one that is known":        15764,
		"the Cache is read before a hold refuses that the CA has released":             39881,
		"and before the CA's status is unknown because of such a hold":                 94581,
		"and where the list that releases it was added":                                108000,
		"and after a restart": 67027,
		"a list whose signer is not known makes no room for those of another key":      61591,
		"a list that comes while a check waits takes the answer at hand away":          406212,
		"a process that does not fetch may have read such a list before":               425214,
		"the Cache was read a moment before, for the certificate of a responder":       461769,
		"such a list comes from the Cache":                                             493024,
		"lists of URLs that the certificate does not name need not replace each other": 518302,
		"and where they are those of another key":                                      556592,
		"the CA is revoked while a check waits":                                        566152,
		"a clock that is set back makes every look due, behind one that is not too":    264268,
		"a look of Run that waited for room while a check's own succeeded is lost":     389546,
		"a process that ends soon after the store was flushed puts nothing back":       144577,
	} {
		t.Run(name, func(t *testing.T) {
			h := randomHistory(seed)
			if testing.Short() && (h.config.awake || seed > 10_000) {
				t.Skip("takes long: those that were found first are the sample")
			}
			require.NoError(t, attempt(t, h, newProgram, allKept, nil))
		})
	}
}

// TestSeeds plays histories against the package.
func TestSeeds(t *testing.T) {
	count := *seeds
	if testing.Short() {
		count = min(count, 4)
	}
	if found := search(t, count, *parity, newProgram, allKept); found.err != nil {
		t.Fatal(report(t, found, newProgram, allKept))
	}
}
