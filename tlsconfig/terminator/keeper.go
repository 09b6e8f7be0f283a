// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
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
	// one has mode 0644, since a CRL is public. One Keeper writes a file at a time, in
	// whichever process; another waits until that one ends, and its State says so.
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

	reloading atomic.Bool  // a call of Reload has not returned
	late      bounded.Late // calls of Reload and Logger that are not waited for any more

	// Under turn.
	lock      *fileLock         // nil: not held
	contents  contents          // of the file
	floor     map[[32]byte]bool // digests of lists that the file has had, which nothing older takes the place of
	began     time.Time         // of Run
	ready     bool              // every point has been asked once
	said      map[string]Problem
	written   time.Time
	unwritten bool // the last step could not write the file, so that the program is told of nothing
	pending   tell
}

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

// leafAlone reports whether the program looks at no list but those of the SubCAs.
func (k *Keeper) leafAlone() bool { return k.LeafCRLs || k.Program == Stunnel }

// tell is what the program has still to be told.
type tell struct {
	due  bool
	at   time.Time // when it is tried next
	wait time.Duration
	err  error     // of the last attempt
	told time.Time // when the program last took the file
}
