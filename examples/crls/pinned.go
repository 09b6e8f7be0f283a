// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A pinned is the CAs and certificates whose lists are wanted.
type pinned struct {
	options *options
	logger  *slog.Logger
	pins    *tlsconfig.Pins
	certs   []*x509.Certificate
	hosts   atomic.Pointer[revocation.HostPolicy] // of the distribution points
}

func newPinned(o *options, logger *slog.Logger) (*pinned, error) {
	p := &pinned{options: o, logger: logger}
	var err error
	if p.pins, err = tlsconfig.LoadPins(o.roots, o.subCAs); err != nil {
		return nil, err
	}
	for _, file := range o.certs {
		certs, err := readLeaves(file)
		if err != nil {
			return nil, fmt.Errorf("-cert %s: %w", file, err)
		}
		for _, cert := range certs {
			if p.pathOf(cert) == nil {
				return nil, fmt.Errorf("-cert %s: no pinned SubCA issued %q", file, cert.Subject)
			}
		}
		p.certs = append(p.certs, certs...)
	}
	for _, text := range o.urls {
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("-url %s: an http or https URL is wanted", text)
		}
	}
	p.allow()
	return p, nil
}

// readLeaves reads the certificates of a PEM file that are of no CA.
func readLeaves(file string) (leaves []*x509.Certificate, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if !cert.IsCA {
			leaves = append(leaves, cert)
		}
	}
	if len(leaves) == 0 {
		return nil, errors.New("it has no certificate of a peer")
	}
	return leaves, nil
}

// pathOf returns the way from a certificate to its pinned root, nil if there is none.
func (p *pinned) pathOf(cert *x509.Certificate) []*x509.Certificate {
	issued := func(by *x509.Certificate) bool { return cert.CheckSignatureFrom(by) == nil }
	if i := slices.IndexFunc(p.pins.Roots(), issued); i >= 0 && cert.IsCA {
		return []*x509.Certificate{cert, p.pins.Roots()[i]}
	}
	if i := slices.IndexFunc(p.pins.SubCAs(), issued); i >= 0 {
		if above := p.pathOf(p.pins.SubCAs()[i]); above != nil {
			return append([]*x509.Certificate{cert}, above...)
		}
	}
	return nil
}

// cas returns the CAs whose lists count.
func (p *pinned) cas() []*x509.Certificate { return append(p.pins.SubCAs(), p.pins.Roots()...) }

// wanted returns the certificates whose distribution points are looked after.
func (p *pinned) wanted() []*x509.Certificate { return append(p.pins.SubCAs(), p.certs...) }

// allow allows the hosts of the distribution points and of -url, and no others.
func (p *pinned) allow() {
	named := slices.Clone(p.options.urls)
	for _, cert := range p.wanted() {
		named = append(named, cert.CRLDistributionPoints...)
	}
	var hosts []string
	for _, text := range named {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	p.hosts.Store(new(revocation.AllowHosts(hosts...)))
}

// allowed is a revocation.HostPolicy.
func (p *pinned) allowed(ctx context.Context, host string) error { return (*p.hosts.Load())(ctx, host) }

// ask asks about each certificate, so that its distribution points are looked after.
// The error says of which nothing is known. That one is revoked is known.
func (p *pinned) ask(ctx context.Context, crls *revocation.CRLs) error {
	var errs []error
	for _, cert := range p.wanted() {
		path := p.pathOf(cert)
		if path == nil {
			continue
		}
		if _, err := crls.Status(ctx, revocation.Query{Path: path, At: time.Now()}); err != nil {
			errs = append(errs, &revocation.UnknownError{Cert: cert, Errs: []error{err}})
		}
	}
	return errors.Join(errs...)
}

// follow reads the pins again every minute, until ctx ends.
func (p *pinned) follow(ctx context.Context, crls *revocation.CRLs) {
	broken := ""
	for {
		// Without waiting: what is missing shows in the log and in /readyz.
		now, cancel := context.WithCancel(ctx)
		cancel()
		_ = p.ask(now, crls)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
		pins, err := tlsconfig.LoadPins(p.options.roots, p.options.subCAs)
		if err != nil {
			if broken != err.Error() {
				p.logger.Warn("the pins are those of before", "error", err)
			}
			broken = err.Error()
			continue
		}
		broken = ""
		same := func(a, b *x509.Certificate) bool { return a.Equal(b) }
		if slices.EqualFunc(pins.Roots(), p.pins.Roots(), same) && slices.EqualFunc(pins.SubCAs(), p.pins.SubCAs(), same) {
			continue
		}
		p.pins.Replace(pins)
		p.allow()
		p.logger.Info("pins replaced", "roots", len(pins.Roots()), "subcas", len(pins.SubCAs()))
	}
}
