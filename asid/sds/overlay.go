// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// An Overlay is an [asid.Registry] that adds an operator's own bindings, from a
// file, to another registry's systems as they are looked up. The directory has no
// FQDN for most consumers. An Overlay makes no ASID known that its Registry does not
// know, and of those that it knows it cannot tell until its file was read.
//
// Load the file before the Overlay is asked; let Run watch it. A file that cannot be
// read or is broken leaves the last good one in force: the log and Err say so.
// Replace the file by renaming a new one to its name. The fields of an Overlay must
// not change once it is used; its methods are safe for concurrent use.
//
// The file is JSON of up to 16 MiB. Each ASID is there once, with at least one FQDN
// or fingerprint; other keys, and a key twice, are errors:
//
//	{"bindings": [
//	  {"asid": "200000000205",
//	   "fqdns": ["consumer.supplier.thirdparty.nhs.uk"],
//	   "leaves": ["[SHA-256 of a certificate, 64 hexadecimal digits]"],
//	   "keys": ["[SHA-256 of a SubjectPublicKeyInfo]"]}
//	]}
type Overlay struct {
	// Registry has the systems; required. If it is an [asid.SenderRegistry] it is
	// asked as one.
	Registry asid.Registry

	// Name is that of a regular file; required.
	Name string

	// Interval is how often Run reads the file; zero: 10 s.
	Interval time.Duration

	// Logger gets one record for each change of the file; nil: none.
	Logger *slog.Logger

	loading sync.Mutex
	state   atomic.Pointer[overlayState]
	late    bounded.Late // records that wait for Logger
}

// An overlayState is what is in force, and what was last seen of the file.
type overlayState struct {
	bindings map[asid.ID]*bindings // nil: no good file was read yet
	sum      [sha256.Size]byte     // of the file, or of the error if it could not be read
	err      error                 // why the file is not what is in force
}

// bindings are those of one ASID.
type bindings struct {
	fqdns        []string
	leaves, keys []asid.Fingerprint
	joined       atomic.Pointer[joined] // with the system as it was last looked up
}

// joined is a system and what became of it, both weakly: a system of a [Snapshot] lies
// within the whole directory, which would else stay in memory when it has been replaced.
type joined struct{ from, with weak.Pointer[asid.System] }

var errNotLoaded = &Error{Detail: "the bindings were not loaded"}

// Load reads the file now. It returns an [*Error] if the file cannot be used; what
// was loaded before then stays in force.
func (o *Overlay) Load() error {
	o.loading.Lock()
	defer o.loading.Unlock()
	text, err := o.read()
	next := &overlayState{sum: sha256.Sum256(text), err: err}
	if err != nil {
		next.sum = sha256.Sum256([]byte(err.Error()))
	}
	last := o.state.Load()
	switch {
	case last == nil:
		last = new(overlayState)
	case last.sum == next.sum:
		return last.err
	}
	if err == nil {
		next.bindings, next.err = readBindings(text)
	}
	if next.err != nil {
		next.bindings = last.bindings
	}
	o.state.Store(next)
	o.log(next, last)
	return next.err
}

func (o *Overlay) read() ([]byte, error) {
	if o.Name == "" {
		return nil, misconfigured("Overlay.Name", "is missing")
	}
	file, err := regular.Open(o.Name)
	if err != nil {
		return nil, &Error{Detail: "the bindings cannot be read", Err: err}
	}
	defer file.Close()
	text, err := regular.ReadAll(file)
	if err != nil {
		return nil, &Error{Detail: "the bindings cannot be read", Err: err}
	}
	return text, nil
}

func (o *Overlay) log(s, last *overlayState) {
	write := logrecord.Writer{Logger: o.Logger, Late: &o.late}.Write
	ctx, name := context.Background(), slog.String("file", o.Name)
	switch {
	case s.err != nil && s.bindings != nil:
		write(ctx, slog.LevelError, "bindings refused, the last good ones stay in force", name, slog.Any("error", s.err))
	case s.err != nil:
		write(ctx, slog.LevelError, "bindings refused", name, slog.Any("error", s.err))
	case len(s.bindings) < len(last.bindings):
		write(ctx, slog.LevelWarn, "bindings loaded, of fewer systems than before", name,
			slog.Int("systems", len(s.bindings)), slog.Int("before", len(last.bindings)))
	default:
		write(ctx, slog.LevelInfo, "bindings loaded", name, slog.Int("systems", len(s.bindings)))
	}
}

// Err returns why the file as it was last seen is not in force, or nil if it is.
func (o *Overlay) Err() error {
	state := o.state.Load()
	if state == nil {
		return errNotLoaded
	}
	return state.err
}

// Run reads the file again and again until ctx ends, and returns ctx.Err(). It
// returns early only if the file was not loaded and cannot be. It does not run the
// Registry.
func (o *Overlay) Run(ctx context.Context) error {
	state := o.state.Load()
	return regular.Follow(ctx, o.Interval, state != nil && state.bindings != nil, o.Load)
}

// readBindings reads the text of a file.
func readBindings(text []byte) (map[asid.ID]*bindings, error) {
	var document struct {
		Bindings *[]struct {
			ASID   asid.ID  `json:"asid"`
			FQDNs  []string `json:"fqdns"`
			Leaves []string `json:"leaves"`
			Keys   []string `json:"keys"`
		} `json:"bindings"`
	}
	if err := json.Unmarshal(text, &document, json.RejectUnknownMembers(true)); err != nil {
		return nil, &Error{Detail: "the bindings are not JSON that can be read", Err: err}
	}
	if document.Bindings == nil {
		return nil, &Error{Detail: `the bindings have no key "bindings"`}
	}
	all := make(map[asid.ID]*bindings, len(*document.Bindings))
	for _, entry := range *document.Bindings {
		b, err := newBindings(entry.FQDNs, entry.Leaves, entry.Keys)
		switch {
		case err != nil:
		case entry.ASID.IsZero():
			err = errors.New("there is no ASID")
		case all[entry.ASID] != nil:
			err = errors.New("the ASID is there twice")
		}
		if err != nil {
			return nil, &Error{Subject: subject(entry.ASID), Detail: "its binding cannot be used", Err: err}
		}
		all[entry.ASID] = b
	}
	return all, nil
}

// newBindings returns those of one ASID.
func newBindings(fqdns, leaves, keys []string) (*bindings, error) {
	if len(fqdns)+len(leaves)+len(keys) == 0 {
		return nil, errors.New("nothing is bound")
	}
	b := new(bindings)
	for _, name := range fqdns {
		parsed, err := fqdn.Parse(name)
		if err != nil {
			return nil, err
		}
		b.fqdns = append(b.fqdns, parsed)
	}
	var err error
	if b.leaves, err = fingerprints(leaves); err != nil {
		return nil, err
	}
	if b.keys, err = fingerprints(keys); err != nil {
		return nil, err
	}
	return b, nil
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
	state := o.state.Load()
	switch {
	case state == nil:
		return nil, errNotLoaded
	case state.bindings == nil:
		return nil, state.err
	}
	b := state.bindings[id]
	if b == nil || sys.ASID != id {
		return sys, nil
	}
	if j := b.joined.Load(); j != nil && j.from.Value() == sys {
		if with := j.with.Value(); with != nil {
			return with, nil
		}
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
	b.joined.Store(&joined{weak.Make(sys), weak.Make(&with)})
	return &with, nil
}
