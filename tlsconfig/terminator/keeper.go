// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Keeper keeps the CRL file of a proxy current: the current, verified, complete
// list of each pinned CA and scope, one of each, and nothing else. It writes the file
// when what it must hold changes, and then tells the program. An outage leaves the
// last good file.
//
// A proxy that uses OpenSSL knows less than package revocation does: no delta
// CRL, no indirect one, none for some reasons only, and of several lists about one
// certificate it reads the latest alone. State says which peers it accepts for that
// reason, though tlsconfig/front, in the program behind, refuses them. Requests on
// connections that were made before are refused there, too.
//
// The fields must not change once the Keeper is used. The methods are safe for
// concurrent use.
type Keeper struct {
	// CRLs is where the lists come from. It needs a Cache or KeepDER, and its Run
	// must be going. What the file holds is added to it as by an operator (CRLs.Add):
	// a list without an issuingDistributionPoint then counts for all certificates of
	// its CA. If the CA publishes several of these, a Checker needs a CRLs of its own.
	CRLs *revocation.CRLs

	// Pins are the CAs whose lists the file holds. Replace changes them while the
	// Keeper runs, which goes by them within a minute.
	Pins *tlsconfig.Pins

	// Program is one of Nginx, HAProxy, Apache, Stunnel and Envoy.
	Program Program

	// File is the absolute path of the file, as in Params.CRLs. Symbolic links are
	// followed, so that the volumes of Kubernetes do. A file that is mounted by itself
	// (subPath) cannot be replaced and is refused. Its mode and owner are kept; a new
	// one has mode 0644, since a CRL is public.
	File string

	// LeafCRLs is Params.LeafCRLs: the file needs no list of the roots. Nor does that of
	// stunnel, which looks up the leaf alone in any case.
	LeafCRLs bool

	// Certificates are peers whose distribution points are collected, beside those
	// of the pinned SubCAs and CRLs.URLs. Without them only what CRLs has been asked
	// about is known.
	Certificates []*x509.Certificate

	// Reload tells the program that the file has changed. It is called again, less
	// and less often, until it succeeds. Nil: the program or another unit watches the
	// file.
	Reload Hook

	Logger *slog.Logger // nil: none

	setUp sync.Once
	turn  chan struct{} // holds one while Run or Once is under way
	state atomic.Pointer[KeeperState]

	// Under turn.
	lock     *fileLock         // nil: not held
	contents contents          // of the file
	floor    map[[32]byte]bool // digests of lists that the file has had, which nothing older takes the place of
	began    time.Time         // of Run
	ready    bool              // every point has been asked once
	said     map[string]Problem
	written  time.Time
	pending  tell
}

const (
	// rereadFile is how often the file is looked at, which others may have changed,
	// and how often a file that cannot be written is tried again.
	rereadFile = time.Minute

	// settle is for how long nothing may change before the file is written, and
	// settleAtMost how long it waits for that: lists come together.
	settle       = time.Second
	settleAtMost = 5 * time.Second

	// patience is for how long nothing is said of what is missing while points have
	// not been asked for the first time.
	patience = time.Minute
)

// Validate returns what is missing or cannot work.
func (k *Keeper) Validate() error {
	var errs []error
	switch {
	case k.CRLs == nil:
		errs = append(errs, errors.New("the Keeper has no CRLs"))
	case k.CRLs.Cache == nil && !k.CRLs.KeepDER:
		errs = append(errs, errors.New("the Keeper's CRLs keeps no octets: it needs a Cache or KeepDER"))
	}
	if k.Pins == nil {
		errs = append(errs, errors.New("the Keeper has no Pins"))
	}
	if !slices.Contains([]Program{Nginx, HAProxy, Apache, Stunnel, Envoy}, k.Program) {
		errs = append(errs, fmt.Errorf("no CRL file of %q is known", string(k.Program)))
	}
	if !filepath.IsAbs(k.File) {
		errs = append(errs, fmt.Errorf("the Keeper's File is an absolute path, not %q", k.File))
	}
	if k.Program == Envoy && !discovery(k.File) {
		errs = append(errs, fmt.Errorf("the file of Envoy's discovery service ends in .json or .yaml, unlike %q", k.File))
	}
	if k.LeafCRLs && !leafCRLs(k.Program) {
		errs = append(errs, errLeafCRLs(k.Program))
	}
	return errors.Join(errs...)
}

// Run keeps the file current until ctx ends, and returns ctx.Err(), or what Validate
// returns.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.Validate(); err != nil {
		return err
	}
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	k.began = k.now()
	for ctx.Err() == nil {
		changed := k.CRLs.Changed()
		pins := k.pinned()
		known, all := k.gather(pins)
		k.ready = k.ready || all
		k.step(ctx, pins, known)
		k.wait(ctx, changed)
	}
	return ctx.Err()
}

// Once writes the file as soon as every distribution point has been asked, and
// returns nil if it is complete and current and the program has been told. CRLs.Run
// must be going. It waits for a Run or Once that is under way, and ends with ctx.
func (k *Keeper) Once(ctx context.Context) error {
	if err := k.Validate(); err != nil {
		return err
	}
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	k.began, k.pending.wait = time.Time{}, 0
	var pins *tlsconfig.Pins
	var known []revocation.List
	for {
		pins = k.pinned()
		if known, k.ready = k.gather(pins); k.ready || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	k.step(ctx, pins, known)
	state := k.State()
	if state.Complete && k.ready {
		return nil
	}
	var errs []error
	for _, p := range state.Problems {
		errs = append(errs, p)
	}
	return errors.Join(append(errs, ctx.Err())...) // which has ended if not every point was asked
}

// begin waits until no other Run or Once is under way.
func (k *Keeper) begin(ctx context.Context) error {
	k.setUp.Do(func() { k.turn = make(chan struct{}, 1) })
	select {
	case k.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keeper) end() {
	k.release()
	<-k.turn
}

// State returns what the file holds and what is wrong, as Run or Once last found it, but
// for the lists that have expired since. It is the zero value until one of them has
// looked for the first time.
func (k *Keeper) State() KeeperState {
	if s := k.state.Load(); s != nil {
		return s.at(k.now())
	}
	return KeeperState{}
}

func (k *Keeper) now() time.Time {
	if k.CRLs.Time != nil {
		return k.CRLs.Time()
	}
	return time.Now()
}

// ask has the distribution points of the SubCAs and Certificates looked after, and
// does not wait.
func (k *Keeper) ask() {
	roots := k.Pins.Roots()
	for _, ca := range k.Pins.SubCAs() {
		root := issuerOf(ca, roots)
		if root == nil {
			continue
		}
		_, _ = k.status(ca, root)
		for _, cert := range k.Certificates {
			if issuerOf(cert, []*x509.Certificate{ca}) != nil {
				_, _ = k.status(cert, ca, root)
			}
		}
	}
}

// status asks about a certificate, by its path to the root, and does not wait.
func (k *Keeper) status(path ...*x509.Certificate) (revocation.Answer, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return k.CRLs.Status(ctx, revocation.Query{Path: path, At: k.now()})
}

// revoked reports whether a SubCA is known to be revoked.
func (k *Keeper) revoked(ca, root *x509.Certificate) bool {
	answer, err := k.status(ca, root)
	return err == nil && answer.Status == revocation.Revoked
}

// leafAlone reports whether the program looks at no list but those of the SubCAs.
func (k *Keeper) leafAlone() bool { return k.LeafCRLs || k.Program == Stunnel }

// pinned returns Pins as they are now, for a step whose lists and problems go by the same.
func (k *Keeper) pinned() *tlsconfig.Pins {
	pins := new(tlsconfig.Pins)
	pins.Replace(k.Pins)
	return pins
}

// known returns the lists of the pinned CAs, which the Cache is asked for, too.
func (k *Keeper) known(pins *tlsconfig.Pins) []revocation.List {
	return k.CRLs.Lists(slices.Concat(pins.SubCAs(), pins.Roots())...)
}

// gather has the distribution points looked after and returns the lists that are known.
// all says that nothing is missing: every look had ended once before the lists were read,
// and what these name, further points and further keys of the Cache, is looked after
// already.
func (k *Keeper) gather(pins *tlsconfig.Pins) (known []revocation.List, all bool) {
	k.ask()
	before := k.CRLs.Looks()
	known = k.known(pins)
	k.ask()
	ended := !slices.ContainsFunc(before, func(l revocation.Look) bool { return l.Last.IsZero() && l.Err == nil })
	return known, ended && len(k.CRLs.Looks()) == len(before)
}

// issuerOf returns the CA that issued a certificate, nil if none of them did.
func issuerOf(cert *x509.Certificate, cas []*x509.Certificate) *x509.Certificate {
	for _, ca := range cas {
		if string(cert.RawIssuer) == string(ca.RawSubject) && cert.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}

// wait waits until the file may have to change, for a minute at most.
func (k *Keeper) wait(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(min(rereadFile, k.untilNext()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
		return
	case <-changed:
	}
	most := time.NewTimer(settleAtMost)
	defer most.Stop()
	for {
		quiet := time.NewTimer(settle)
		select {
		case <-ctx.Done():
		case <-most.C:
		case <-quiet.C:
		case <-k.CRLs.Changed():
			quiet.Stop()
			continue
		}
		quiet.Stop()
		return
	}
}

// untilNext is how long it is until the state comes out otherwise of itself, or the
// program is to be told again.
func (k *Keeper) untilNext() time.Duration {
	next := k.State().next
	if at := k.pending.at; k.pending.due && (next.IsZero() || at.Before(next)) {
		next = at
	}
	if next.IsZero() {
		return rereadFile
	}
	return max(next.Sub(k.now()), 10*time.Millisecond)
}
