// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// DefaultBase is the name of the entry below which SDS has its records.
const DefaultBase = "ou=Services,o=nhs"

// An LDAP is an [asid.Registry] on the directory itself, over ldaps with mutual
// TLS. The zero LDAP knows no system and says why. Its fields must not change once
// it is used; its methods are safe for concurrent use.
//
// A system is the record of class nhsAs whose name is the ASID. Its organisation
// is nhsIDCode, its interactions are nhsAsSvcIA, and its FQDNs are those of the
// message handling system (nhsMhs) of its party key, which other systems may
// share. A system that has none is bound to no certificate, until an [Overlay]
// binds it. Values that are no interaction or no FQDN are left out, counted
// ([LDAPState]) and logged; all else that is malformed makes the record unusable.
type LDAP struct {
	// Address is the directory's host and port, such as
	// ldap.national.ncrs.nhs.uk:636; required.
	Address string

	// Endpoint is this end of the connection and says which server to trust at the other
	// end; required. Where its Peer has no FQDNs the certificate must be that of
	// Address's host. The peer is verified anew, revocation included, before each
	// question, since a connection outlives its handshake.
	Endpoint *tlsconfig.Endpoint

	// Base is the name of the entry below which the records are; empty:
	// DefaultBase.
	Base string

	// Canary is an ASID that the directory is known to have, with an organisation and
	// interactions. It is asked on each new connection, and again before an ASID
	// counts as unknown or as one that may do nothing, so that a directory to which
	// access was lost, or to these attributes, says neither. Zero: none.
	Canary asid.ID

	// Clients counts the organisations that use a system (nhsAsClient) as the
	// system's, too, beside the one that manages it. Each of them may then own
	// pointers that the system changes.
	Clients bool

	// Timeout bounds one look-up, connecting included, and half of it the wait for its
	// turn; zero: 5 s.
	Timeout time.Duration

	// MaxBytes bounds one message of the directory, in bytes; zero: 1 MiB. A record
	// with 2,000 interactions has about 200 KiB.
	MaxBytes int

	// MaxRecords bounds the records of one party key, of which there is one for
	// each interaction; zero: 10,000. More are an error.
	MaxRecords int

	// Cache says for how long answers are used.
	Cache Caching

	// Logger gets what is left out of records, and stale answers; nil: none.
	Logger *slog.Logger

	once    sync.Once
	err     error // of the configuration
	config  *tls.Config
	link    link
	ask     func(context.Context, func(searcher) error) error // link.with
	systems *cache[asid.ID, *asid.System]
	parties *cache[string, []string] // party key to FQDNs
	dropped dropped
	late    bounded.Late // records that wait for Logger
}

func (d *LDAP) log() logrecord.Writer { return logrecord.Writer{Logger: d.Logger, Late: &d.late} }

// Validate says what is missing or cannot be. The error wraps
// [ErrConfiguration].
func (d *LDAP) Validate() error {
	d.once.Do(d.build)
	return d.err
}

func (d *LDAP) build() {
	host, _, err := net.SplitHostPort(d.Address)
	switch {
	case err != nil || host == "":
		d.err = misconfigured("LDAP.Address", "is not a host and a port")
		return
	case d.Endpoint == nil:
		d.err = misconfigured("LDAP.Endpoint", "is missing")
		return
	}
	config, err := d.Endpoint.ClientConfig()
	if err != nil {
		d.err = &Error{Detail: "LDAP.Endpoint", Err: fmt.Errorf("%w: %w", ErrConfiguration, err)}
		return
	}
	d.config = config.Clone()
	d.config.ServerName = host
	d.config.NextProtos = nil
	d.link = link{
		address: d.Address, host: host, config: d.config, endpoint: d.Endpoint,
		maxBytes: positive(d.MaxBytes, 1<<20), timeout: d.timeout(),
	}
	if d.Canary != (asid.ID{}) {
		d.link.greet = d.canary
	}
	d.ask = d.link.with
	d.start()
}

// start makes the caches.
func (d *LDAP) start() {
	d.systems = newCache(d.Cache, d.timeout(), d.log(), d.system)
	d.parties = newCache(d.Cache, d.timeout(), d.log(), whole(d.fqdns))
}

func (d *LDAP) timeout() time.Duration { return positive(d.Timeout, 5*time.Second) }

func (d *LDAP) base() string {
	if d.Base == "" {
		return DefaultBase
	}
	return d.Base
}

// Lookup implements [asid.Registry]. Errors other than [asid.ErrNotFound] are of
// type [*Error].
func (d *LDAP) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if id.IsZero() {
		return nil, asid.ErrNotFound
	}
	return d.systems.get(ctx, id)
}

// Run refreshes what is in use before it expires, until ctx ends, and then closes
// the connection. Without it answers are looked up again when they have expired,
// and a connection is closed after five minutes without use.
func (d *LDAP) Run(ctx context.Context) error {
	if err := d.Validate(); err != nil {
		return err
	}
	var refreshing sync.WaitGroup
	half := max(d.systems.policy.MaxQueries/2, 1) // so that callers find a slot
	refreshing.Go(func() { d.systems.refresh(ctx, half) })
	refreshing.Go(func() { d.parties.refresh(ctx, half) })
	refreshing.Wait()
	d.link.close()
	return ctx.Err()
}

// An LDAPState is how an [LDAP] fares.
type LDAPState struct {
	Connected bool  // whether a connection is open
	Err       error // why the last attempt to connect failed; nil if it did not
	Dropped   int   // values of records that were no interaction or no FQDN, over all look-ups
}

// State returns how it fares now.
func (d *LDAP) State() LDAPState {
	if err := d.Validate(); err != nil {
		return LDAPState{Err: err}
	}
	s := LDAPState{Dropped: d.dropped.total()}
	s.Connected, s.Err = d.link.state()
	return s
}

// system looks one ASID up. since is when its FQDNs were asked for.
func (d *LDAP) system(ctx context.Context, id asid.ID) (sys *asid.System, since time.Time, err error) {
	entry, err := d.find(ctx, id)
	if err != nil {
		return nil, since, err
	}
	record, err := readAS(entry, id, d.Clients)
	if err != nil {
		return nil, since, err
	}
	if record.partyKey != "" {
		fqdns, asked, err := d.parties.dated(ctx, record.partyKey)
		if err != nil {
			return nil, since, err
		}
		record.system.FQDNs, record.system.SharedFQDNs, since = fqdns, fqdns, asked
	}
	d.dropped.note(d.log(), "ASID "+id.String(), record.dropped)
	sys, err = checked(record.system)
	return sys, since, err
}

// find returns the record of an ASID. Where there is a canary, an ASID is unknown, or
// its record lacks what all have, if the directory says so, shows the canary, and still
// says so: access that was lost may be back before the canary is asked.
func (d *LDAP) find(ctx context.Context, id asid.ID) (record, error) {
	var found record
	err := d.ask(ctx, func(s searcher) (err error) {
		found, err = d.one(s, id)
		if doubtful := err == asid.ErrNotFound || err == nil && found.lacks(); !doubtful || d.Canary.IsZero() || id == d.Canary {
			return err
		}
		if err := d.canary(s); err != nil {
			return err
		}
		found, err = d.one(s, id)
		return err
	})
	return found, err
}

// canary asks for the system that is known to exist.
func (d *LDAP) canary(s searcher) error {
	found, err := d.one(s, d.Canary)
	if err == nil {
		_, err = readAS(found, d.Canary, false)
	}
	switch {
	case err == asid.ErrNotFound:
		return &Error{Subject: subject(d.Canary), Detail: "the directory does not show it", Err: ErrCanary}
	case err == nil && found.lacks():
		return &Error{Subject: subject(d.Canary), Detail: "the directory does not show its organisation or its interactions", Err: ErrCanary}
	}
	return err
}

// one asks for the record of an ASID by its name. The digits of an ASID need no
// escaping.
func (d *LDAP) one(s searcher, id asid.ID) (record, error) {
	entries, err := s.search(search{
		base: "uniqueIdentifier=" + id.String() + "," + d.base(), parent: d.base(), filter: "(objectClass=nhsAs)",
		attributes: asAttributes, most: 1,
	})
	switch {
	case err == asid.ErrNotFound:
		return record{}, err
	case err != nil:
		return record{}, &Error{Subject: "ASID " + id.String(), Detail: "the search failed", Err: err}
	case len(entries) == 0:
		return record{}, asid.ErrNotFound
	}
	return entries[0], nil
}

// fqdns returns the FQDNs of a party key's message handling system.
func (d *LDAP) fqdns(ctx context.Context, partyKey string) ([]string, error) {
	var records []record
	err := d.ask(ctx, func(s searcher) (err error) {
		records, err = s.search(search{
			base: d.base(), children: true, filter: "(&(objectClass=nhsMhs)(nhsMHSPartyKey=" + partyKey + "))",
			attributes: mhsAttributes, most: positive(d.MaxRecords, 10_000),
		})
		return err
	})
	if err != nil {
		// An error here must not make the ASID unknown.
		return nil, &Error{Subject: "party key " + partyKey, Detail: "the search for its FQDNs failed", Err: hide(err)}
	}
	fqdns, dropped, err := readFQDNs(records, partyKey)
	if err != nil {
		return nil, err
	}
	d.dropped.note(d.log(), "party key "+partyKey, dropped)
	return fqdns, nil
}

// hide returns err, or another error in place of ErrNotFound.
func hide(err error) error {
	if err == asid.ErrNotFound {
		return errNoBase
	}
	return err
}
