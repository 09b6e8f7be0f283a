// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

func TestASystemIsBoundToItsCertificateAndItsInteractions(t *testing.T) {
	t.Parallel()
	own := certificate(provider.FQDNs[0])
	for name, c := range map[string]struct {
		cert              *x509.Certificate
		claimed, observed asid.InteractionID
		binding           bool  // RuleBinding is wanted
		kind              error // the kind that is wanted
	}{
		"its own":                              {cert: own, observed: asid.DocumentReferenceCreate},
		"its own, and it names what it does":   {cert: own, claimed: asid.DocumentReferenceCreate, observed: asid.DocumentReferenceCreate},
		"its second FQDN":                      {cert: certificate(provider.FQDNs[1]), observed: asid.DocumentReferenceCreate},
		"in capitals":                          {cert: certificate("NRL-RR8.Supplier.ThirdParty.NHS.UK"), observed: asid.DocumentReferenceCreate},
		"in the subjectAltName":                {cert: withSAN(provider.FQDNs[0]), observed: asid.DocumentReferenceCreate},
		"one of several names":                 {cert: withSAN("other.nhs.uk", provider.FQDNs[0]), observed: asid.DocumentReferenceCreate},
		"another system's certificate":         {cert: certificate(consumer.FQDNs[0]), observed: asid.DocumentReferenceCreate, binding: true},
		"a name below its own":                 {cert: certificate("a." + provider.FQDNs[0]), observed: asid.DocumentReferenceCreate, binding: true},
		"a name above its own":                 {cert: certificate("supplier.thirdparty.nhs.uk"), observed: asid.DocumentReferenceCreate, binding: true},
		"only the common name beside a SAN":    {cert: withSAN("other.nhs.uk"), observed: asid.DocumentReferenceCreate, binding: true},
		"no interaction at all":                {cert: own, kind: asid.ErrNotAssociated},
		"an interaction it lacks":              {cert: own, observed: asid.DocumentReferenceSearch, kind: asid.ErrNotAssociated},
		"an interaction in other letter case":  {cert: own, observed: "urn:nhs:names:services:nrl:documentreference.create", kind: asid.ErrNotAssociated},
		"it names another than it does":        {cert: own, claimed: asid.DocumentReferenceRead, observed: asid.DocumentReferenceCreate, kind: asid.ErrMismatch},
		"it names another, neither is its own": {cert: own, claimed: asid.DocumentReferenceSearch, observed: asid.DocumentReferenceContentRead, kind: asid.ErrMismatch},
		"it names its own, but does another":   {cert: own, claimed: asid.DocumentReferenceCreate, observed: asid.DocumentReferenceSearch, kind: asid.ErrMismatch},
		"wrong on all counts":                  {cert: certificate("x.nhs.uk"), claimed: "urn:x1:y", observed: "urn:x2:y", binding: true},
	} {
		t.Run(name, func(t *testing.T) {
			claim := asid.Access{From: provider.ASID, Claimed: c.claimed, Observed: c.observed, Names: names(t, c.cert)}
			err := asid.Authorize(&provider, claim)
			_, viaRegistry := (&asid.Authorizer{Registry: registry(t)}).Authorize(t.Context(), claim)
			assert.Equal(t, err, viaRegistry, "the pure function and the method agree")
			refused, _ := errors.AsType[*asid.RequestError](err)
			switch {
			case c.binding:
				require.NotNil(t, refused, "%v", err)
				assert.Equal(t, asid.RuleBinding, refused.Rule)
				assert.Equal(t, provider.ASID, refused.ASID)
				assert.NotContains(t, err.Error(), provider.FQDNs[1], "what is registered is not the sender's to know")
			case c.kind != nil:
				require.NotNil(t, refused, "%v", err)
				assert.ErrorIs(t, err, c.kind)
				want := map[error]asid.Rule{asid.ErrNotAssociated: asid.RuleInteraction, asid.ErrMismatch: asid.RuleHeader}[c.kind]
				assert.Equal(t, want, refused.Rule)
				assert.Equal(t, provider.ASID, refused.ASID)
			default:
				assert.NoError(t, err)
			}
		})
	}
}

func TestNoInteractionIsNotOneThatCanBeGranted(t *testing.T) {
	t.Parallel()
	sys := provider
	sys.Interactions = []asid.InteractionID{""}
	err := asid.Authorize(&sys, asid.Access{From: sys.ASID, Names: names(t, certificate(sys.FQDNs[0]))})
	assert.ErrorIs(t, err, asid.ErrNotAssociated)
}

func TestWithoutNamesNoSystemIsAuthorised(t *testing.T) {
	t.Parallel()
	err := asid.Authorize(&provider, asid.Access{From: provider.ASID, Observed: asid.DocumentReferenceCreate})
	var refused *asid.RequestError
	assert.ErrorAs(t, err, &refused)
}

func TestACertificateThatReadersCouldReadDifferentlySpeaksForNoName(t *testing.T) {
	t.Parallel()
	own := provider.FQDNs[0]
	for name, cert := range map[string]*x509.Certificate{
		"none":                    nil,
		"no name":                 certificate(),
		"two common names":        certificate(own, "other.nhs.uk"),
		"the same twice":          certificate(own, own),
		"a SAN without dNSName":   withSAN(),
		"a trailing dot":          certificate(own + "."),
		"a wildcard":              certificate("*.supplier.thirdparty.nhs.uk"),
		"a NUL":                   certificate(own + "\x00.evil.example"),
		"a blank":                 certificate(own + " "),
		"a wildcard beside it":    withSAN(own, "*.nhs.uk"),
		"an IP address":           certificate("192.0.2.1"),
		"letters other than ours": certificate("nrl-rr8.ѕupplier.thirdparty.nhs.uk"),
	} {
		t.Run(name, func(t *testing.T) {
			n, err := asid.NamesOf(cert)
			refused := requestError(t, err)
			assert.Error(t, refused.Err)
			assert.Empty(t, n.String())
		})
	}
}

func TestASystemThatIsNotTheSendersIsRefused(t *testing.T) {
	t.Parallel()
	claim := asid.Access{From: provider.ASID, Observed: asid.DocumentReferenceRead, Names: names(t, certificate(consumer.FQDNs[0]))}
	assert.ErrorIs(t, asid.Authorize(&consumer, claim), asid.ErrNotFound)
	assert.ErrorIs(t, asid.Authorize(nil, claim), asid.ErrNotFound)
	claim.From = asid.ID{}
	assert.ErrorIs(t, asid.Authorize(&asid.System{FQDNs: consumer.FQDNs, Interactions: consumer.Interactions}, claim), asid.ErrNotFound)
}

type lookup func(asid.ID) (*asid.System, error)

func (f lookup) Lookup(_ context.Context, id asid.ID) (*asid.System, error) { return f(id) }

func TestARegistryThatCannotTellRefuses(t *testing.T) {
	t.Parallel()
	claim := asid.Access{From: provider.ASID, Observed: asid.DocumentReferenceRead, Names: names(t, certificate(provider.FQDNs[0]))}
	unreachable := errors.New("the directory is unreachable")
	for name, c := range map[string]struct {
		registry lookup
		want     error
	}{
		"an error":                    {func(asid.ID) (*asid.System, error) { return nil, unreachable }, unreachable},
		"an error and a system":       {func(asid.ID) (*asid.System, error) { return &provider, unreachable }, unreachable},
		"neither":                     {func(asid.ID) (*asid.System, error) { return nil, nil }, nil},
		"another system":              {func(asid.ID) (*asid.System, error) { return &consumer, nil }, nil},
		"an error of this very rules": {func(asid.ID) (*asid.System, error) { return nil, &asid.RequestError{Header: "x"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sys, err := (&asid.Authorizer{Registry: c.registry}).Authorize(t.Context(), claim)
			var refused *asid.RegistryError
			require.ErrorAs(t, err, &refused)
			assert.Nil(t, sys)
			if c.want != nil {
				assert.ErrorIs(t, err, c.want)
			}
		})
	}
}

func TestAnUnknownASIDIsRefused(t *testing.T) {
	t.Parallel()
	claim := asid.Access{From: asid.MustParseID("200000000206"), Observed: asid.DocumentReferenceRead, Names: names(t, certificate(provider.FQDNs[0]))}
	_, err := (&asid.Authorizer{Registry: registry(t)}).Authorize(t.Context(), claim)
	refused := requestError(t, err)
	assert.ErrorIs(t, err, asid.ErrNotFound)
	assert.Equal(t, claim.From, refused.ASID)
}

func TestTheZeroAuthorizerRefuses(t *testing.T) {
	t.Parallel()
	_, err := (&asid.Authorizer{}).Authorize(t.Context(), asid.Access{})
	var refused *asid.ConfigError
	assert.ErrorAs(t, err, &refused)
}
