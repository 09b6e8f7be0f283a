// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// An Overlay is an [asid.Registry] that adds an operator's own bindings to another
// registry's systems as they are looked up. The directory has no FQDN for most
// consumers. An Overlay makes no ASID known that its Registry does not know. Its
// methods are safe for concurrent use.
type Overlay struct {
	// Registry has the systems; required. If it is an [asid.SenderRegistry] it is
	// asked as one.
	Registry asid.Registry

	bindings atomic.Pointer[map[asid.ID]*bindings]
}

// bindings are those of one ASID.
type bindings struct {
	fqdns        []string
	leaves, keys []asid.Fingerprint
	joined       atomic.Pointer[joined] // with the system as it was last looked up
}

// joined is a system and what became of it.
type joined struct{ from, with *asid.System }

// maxOverlay bounds a file of bindings.
const maxOverlay = 16 << 20

// Load reads bindings in JSON, up to 16 MiB, and uses them in the place of those
// before:
//
//	{"bindings": [
//	  {"asid": "200000000205",
//	   "fqdns": ["consumer.supplier.thirdparty.nhs.uk"],
//	   "leaves": ["[SHA-256 of a certificate, 64 hexadecimal digits]"],
//	   "keys": ["[SHA-256 of a SubjectPublicKeyInfo]"]}
//	]}
//
// Each ASID is there once, with at least one FQDN or fingerprint. Other keys, and a
// key twice, are errors; those before stay in use then.
func (o *Overlay) Load(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxOverlay+1))
	if err != nil {
		return &Error{Detail: "the bindings cannot be read", Err: err}
	}
	if len(text) > maxOverlay {
		return &Error{Detail: fmt.Sprintf("the bindings have more than %d bytes", maxOverlay)}
	}
	var document struct {
		Bindings *[]struct {
			ASID   asid.ID  `json:"asid"`
			FQDNs  []string `json:"fqdns"`
			Leaves []string `json:"leaves"`
			Keys   []string `json:"keys"`
		} `json:"bindings"`
	}
	if err := json.Unmarshal(text, &document, json.RejectUnknownMembers(true)); err != nil {
		return &Error{Detail: "the bindings are not JSON that can be read", Err: err}
	}
	if document.Bindings == nil {
		return &Error{Detail: `the bindings have no key "bindings"`}
	}
	all := make(map[asid.ID]*bindings, len(*document.Bindings))
	for _, entry := range *document.Bindings {
		b := new(bindings)
		fail := func(detail string, err error) error {
			return &Error{Subject: subject(entry.ASID), Detail: "binding: " + detail, Err: err}
		}
		switch {
		case entry.ASID.IsZero():
			return fail("there is no ASID", nil)
		case all[entry.ASID] != nil:
			return fail("the ASID is there twice", nil)
		case len(entry.FQDNs)+len(entry.Leaves)+len(entry.Keys) == 0:
			return fail("nothing is bound", nil)
		}
		for _, name := range entry.FQDNs {
			parsed, err := fqdn.Parse(name)
			if err != nil {
				return fail("bad FQDN", err)
			}
			b.fqdns = append(b.fqdns, parsed)
		}
		if b.leaves, err = fingerprints(entry.Leaves); err != nil {
			return fail("bad leaf", err)
		}
		if b.keys, err = fingerprints(entry.Keys); err != nil {
			return fail("bad key", err)
		}
		all[entry.ASID] = b
	}
	o.bindings.Store(&all)
	return nil
}

func fingerprints(texts []string) ([]asid.Fingerprint, error) {
	var list []asid.Fingerprint
	for _, text := range texts {
		f, err := asid.ParseFingerprint(text)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// Lookup implements [asid.Registry].
func (o *Overlay) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	if o.Registry == nil {
		return nil, misconfigured("Overlay.Registry", "is missing")
	}
	sys, err := o.Registry.Lookup(ctx, id)
	return o.join(id, sys, err)
}

// LookupSender implements [asid.SenderRegistry]. A Registry that is none is asked by
// ASID.
func (o *Overlay) LookupSender(ctx context.Context, s asid.Sender) (*asid.System, error) {
	registry, ok := o.Registry.(asid.SenderRegistry)
	if !ok {
		return o.Lookup(ctx, s.ASID)
	}
	sys, err := registry.LookupSender(ctx, s)
	return o.join(s.ASID, sys, err)
}

// join returns the system with the bindings of its ASID.
func (o *Overlay) join(id asid.ID, sys *asid.System, err error) (*asid.System, error) {
	if err != nil || sys == nil {
		return nil, err
	}
	all := o.bindings.Load()
	if all == nil {
		return sys, nil
	}
	b := (*all)[id]
	if b == nil || sys.ASID != id {
		return sys, nil
	}
	if j := b.joined.Load(); j != nil && j.from == sys {
		return j.with, nil
	}
	with := *sys
	with.FQDNs = append(slices.Clone(sys.FQDNs), b.fqdns...)
	// A name that the operator bound is not a shared one.
	with.SharedFQDNs = slices.DeleteFunc(slices.Clone(sys.SharedFQDNs), func(name string) bool {
		return slices.ContainsFunc(b.fqdns, func(own string) bool { return fqdn.Equal(own, name) })
	})
	with.Leaves = append(slices.Clone(sys.Leaves), b.leaves...)
	with.Keys = append(slices.Clone(sys.Keys), b.keys...)
	with.Unbound = false
	b.joined.Store(&joined{sys, &with})
	return &with, nil
}
