// SPDX-License-Identifier: Apache-2.0

// Package directory turns the flags that the examples share into a registry on the
// Spine Directory Service.
package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Flags say where the directory is.
type Flags struct {
	URL      string // empty: none is used
	fqdn     string
	canary   string
	key      string
	ca       string
	bindings string
}

// Register adds the flags to fs.
func (f *Flags) Register(fs *flag.FlagSet) {
	fs.StringVar(&f.URL, "sds", "", "`URL` of the Spine Directory Service: ldaps://HOST[:PORT], or the https URL of its FHIR service")
	fs.StringVar(&f.fqdn, "sds-fqdn", "", "`NAME` in the directory's certificate; default: its URL's host")
	fs.StringVar(&f.canary, "sds-canary", "", "what the directory is known to have: an `ASID`, or ODS,URN for its FHIR service")
	fs.StringVar(&f.key, "sds-key", "", "`FILE` with the API key of the FHIR service")
	fs.StringVar(&f.ca, "sds-ca", "", "PEM `FILE` of the CAs of the FHIR service's certificate; default: the system's")
}

// RegisterBindings adds the flag of the file of bindings to certificates that the directory lacks.
func (f *Flags) RegisterBindings(fs *flag.FlagSet) {
	fs.StringVar(&f.bindings, "bindings", "", "`FILE` of certificates that are bound to ASIDs beside the directory, .json; read anew when it changes")
}

// Registry returns the registry that the flags describe. The directory is called as
// end and refreshed until ctx ends.
func (f *Flags) Registry(ctx context.Context, end *tlsconfig.Endpoint, logger *slog.Logger) (asid.Registry, error) {
	registry, err := f.registry(ctx, end, logger)
	if err != nil || f.bindings == "" {
		return registry, err
	}
	overlay := &sds.Overlay{Registry: registry, Name: f.bindings, Logger: logger}
	if err := overlay.Load(); err != nil {
		return nil, fmt.Errorf("-bindings: %w", err)
	}
	go overlay.Run(ctx)
	return overlay, nil
}

func (f *Flags) registry(ctx context.Context, end *tlsconfig.Endpoint, logger *slog.Logger) (asid.Registry, error) {
	u, err := url.Parse(f.URL)
	if err != nil {
		return nil, fmt.Errorf("-sds: %w", err)
	}
	if u.Scheme == "https" {
		service, err := f.FHIR(logger)
		if err != nil {
			return nil, err
		}
		go service.Run(ctx)
		return service, nil
	}
	if u.Scheme != "ldaps" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("-sds: %q is neither ldaps://HOST[:PORT] nor https", f.URL)
	}
	registry := &sds.LDAP{Address: u.Host, Logger: logger}
	if u.Port() == "" {
		registry.Address = u.Host + ":636"
	}
	if f.canary != "" {
		if registry.Canary, err = asid.ParseID(f.canary); err != nil {
			return nil, fmt.Errorf("-sds-canary: %w", err)
		}
	}
	directory := *end // the same certificate, pins and revocation, another peer
	directory.Verifier.AllowAnyFQDN = false
	directory.Verifier.FQDNs = []string{u.Hostname()}
	if f.fqdn != "" {
		directory.Verifier.FQDNs = []string{f.fqdn}
	}
	registry.Endpoint = &directory
	if err := registry.Validate(); err != nil {
		return nil, fmt.Errorf("-sds: %w", err)
	}
	go registry.Run(ctx)
	return registry, nil
}

// FHIR returns a client of the FHIR service.
func (f *Flags) FHIR(logger *slog.Logger) (*sds.FHIR, error) {
	if f.key == "" {
		return nil, errors.New("-sds-key is missing")
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return nil, fmt.Errorf("-sds-key: %w", err)
	}
	service := &sds.FHIR{URL: f.URL, APIKey: strings.TrimSpace(string(key)), Logger: logger}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("-sds-ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-sds-ca: %s has no certificate", f.ca)
		}
		service.Client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	}
	if f.canary != "" {
		code, interaction, _ := strings.Cut(f.canary, ",")
		if service.Canary.Organization, err = asid.ParseODSCode(code); err != nil {
			return nil, fmt.Errorf("-sds-canary: %w", err)
		}
		service.Canary.Interaction = asid.InteractionID(interaction)
	}
	if err := service.Validate(); err != nil {
		return nil, fmt.Errorf("-sds: %w", err)
	}
	return service, nil
}
