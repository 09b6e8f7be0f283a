// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
)

// A FHIR asks the directory's FHIR service. The zero FHIR finds nothing and says
// why. Its fields must not change once it is used; its methods are safe for
// concurrent use.
//
// The service answers 200 with an empty Bundle when the directory behind it is out
// of reach. That something is not there counts only if it is not found twice and
// the Canary is found between.
type FHIR struct {
	// URL is the service's base, such as
	// https://api.service.nhs.uk/spine-directory/FHIR/R4; https, required.
	URL string

	// APIKey is sent as the header apikey; required.
	APIKey string

	// Canary is a system known to exist. Zero: an empty answer never means that
	// something is not there.
	Canary Canary

	// Manufacturer, an ODS code, leaves out the systems and endpoints of others when a
	// Provider is the organisation asked about; zero: all count.
	Manufacturer asid.ODSCode

	// Client sends the requests; nil: http.DefaultClient. Redirects are not followed.
	Client *http.Client

	// Timeout bounds one look-up, which may need several requests, and half of it the
	// wait for its turn; zero: 8 s. A directory that hangs keeps the service's callers
	// waiting for over 20 s.
	Timeout time.Duration

	// MaxBytes bounds an answer; zero: 4 MiB.
	MaxBytes int64

	// Interval is the least time between two requests; zero: 200 ms, the service's
	// limit of 300 a minute. The limit may be shared with other callers. Requests about
	// keys that the directory had go before others, but three in a row at most.
	Interval time.Duration

	// Cache says for how long systems are used. A zero RetryAfter is 15 s here: a 500
	// about one key is often the fault of one record, and stays with that key.
	Cache Caching

	// Providers says for how long endpoints and ASIDs of providers are used. By default
	// one that was found is not kept, since a consumer must not use it again for another
	// patient's encounter: callers that ask at the same time share an answer. A program
	// that sets MaxAge says that an encounter lasts as long. The default of RetryAfter is 15 s.
	Providers Caching

	// Logger gets what is left out of records, and stale answers; nil: none.
	Logger *slog.Logger

	once      sync.Once
	err       error // of the configuration
	base      *url.URL
	client    *http.Client
	pace      pacer
	senders   *cache[asid.Sender, *asid.System]
	parties   *cache[party, []string]
	providers *cache[want, Provider]
	dropped   dropped
	late      bounded.Late // records that wait for Logger
}

// A Canary is an organisation and an interaction for which the directory is known
// to have a system.
type Canary struct {
	Organization asid.ODSCode
	Interaction  asid.InteractionID
}

func (f *FHIR) log() logrecord.Writer { return logrecord.Writer{Logger: f.Logger, Late: &f.late} }

// Validate says what is missing or cannot be. The error wraps
// [ErrConfiguration].
func (f *FHIR) Validate() error {
	f.once.Do(f.build)
	return f.err
}

func (f *FHIR) build() {
	base, err := url.Parse(f.URL)
	switch {
	case err != nil || base.Scheme != "https" || base.Hostname() == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		f.err = misconfigured("FHIR.URL", "is not https with a host and at most a path")
		return
	case f.APIKey == "":
		f.err = misconfigured("FHIR.APIKey", "is missing")
		return
	case f.Canary != (Canary{}) && (f.Canary.Organization.IsZero() || checkInteraction(f.Canary.Interaction) != nil):
		f.err = misconfigured("FHIR.Canary", "is not an organisation and an interaction")
		return
	}
	f.base = base
	client := http.DefaultClient
	if f.Client != nil {
		client = f.Client
	}
	copied := *client
	copied.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f.client = &copied
	f.pace.interval = positive(f.Interval, 200*time.Millisecond)
	rights, endpoints := f.Cache, f.Providers
	rights.RetryAfter = positive(rights.RetryAfter, 15*time.Second)
	endpoints.RetryAfter = positive(endpoints.RetryAfter, 15*time.Second)
	endpoints.MaxAge = positive(endpoints.MaxAge, time.Nanosecond)
	timeout := positive(f.Timeout, 8*time.Second)
	f.senders = newCache(rights, timeout, f.log(), f.sender)
	f.parties = newCache(rights, timeout, f.log(), whole(f.fqdns))
	f.providers = newCache(endpoints, timeout, f.log(), whole(f.provider))
}

// Run refreshes the systems in use before they expire, until ctx ends. Providers
// are not refreshed.
func (f *FHIR) Run(ctx context.Context) error {
	if err := f.Validate(); err != nil {
		return err
	}
	var refreshing sync.WaitGroup
	// One at a time, so that a caller's request waits for one other at the most.
	refreshing.Go(func() { f.senders.refresh(ctx, 1) })
	refreshing.Go(func() { f.parties.refresh(ctx, 1) })
	refreshing.Wait()
	return ctx.Err()
}

// Lookup implements [asid.Registry] by an error: the service cannot be asked by
// ASID alone. An [asid.Authorizer] calls LookupSender instead.
func (f *FHIR) Lookup(_ context.Context, id asid.ID) (*asid.System, error) {
	if id.IsZero() {
		return nil, asid.ErrNotFound
	}
	return nil, &Error{Subject: "ASID " + id.String(), Detail: "the FHIR service cannot be asked by ASID alone", Err: ErrInput}
}

// LookupSender implements [asid.SenderRegistry]. The system's organisation is the
// one that was asked about, its FQDNs those of the message handling system of its
// party key. Errors other than [asid.ErrNotFound] are of type [*Error].
func (f *FHIR) LookupSender(ctx context.Context, s asid.Sender) (*asid.System, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if s.ASID.IsZero() {
		return nil, asid.ErrNotFound
	}
	if s.Organization.IsZero() {
		return nil, &Error{Subject: "ASID " + s.ASID.String(), Detail: "no organisation is named", Err: fmt.Errorf("%w: %w", ErrInput, asid.ErrNoOrganization)}
	}
	if err := checkInteraction(s.Interaction); err != nil {
		return nil, err
	}
	return f.senders.get(ctx, s)
}

// sender looks one sender up. The directory may have an update as a patch only.
func (f *FHIR) sender(ctx context.Context, s asid.Sender) (sys *asid.System, since time.Time, err error) {
	sys, since, err = f.assured(ctx, s)
	if err == asid.ErrNotFound && s.Interaction == asid.DocumentReferenceUpdate {
		s.Interaction = asid.DocumentReferencePatch
		return f.assured(ctx, s)
	}
	return sys, since, err
}

// assured looks for the sender among the organisation's systems that have the
// interaction. since is when its FQDNs were asked for.
func (f *FHIR) assured(ctx context.Context, s asid.Sender) (sys *asid.System, since time.Time, err error) {
	var found *device
	err = f.confirmed(ctx, "Device", parameters(s.Organization, s.Interaction, ""), func(resources []resource) (bool, error) {
		devices, dropped, err := readDevices(resources, s.Interaction, "")
		if err != nil {
			return false, err
		}
		f.dropped.note(f.log(), fmt.Sprintf("systems of %s", s.Organization), dropped)
		found = nil
		for _, d := range devices {
			if d.asid != s.ASID {
				continue
			}
			if found != nil {
				return false, &Error{Subject: "ASID " + s.ASID.String(), Detail: "two systems have it", Err: ErrAmbiguous}
			}
			found = &d
		}
		return found != nil, nil
	})
	if err != nil {
		return nil, since, err
	}
	sys = &asid.System{ASID: s.ASID, ODS: []asid.ODSCode{s.Organization}, Interactions: found.interactions}
	if found.partyKey != "" {
		sys.FQDNs, since, err = f.parties.dated(ctx, party{found.partyKey, s.Organization, s.Interaction})
		if err != nil && err != asid.ErrNotFound {
			return nil, since, err
		}
		sys.SharedFQDNs = sys.FQDNs
	}
	sys, err = checked(sys)
	return sys, since, err
}

// A party is a party key, and the system that its FQDNs are looked up for.
type party struct {
	key          string
	organization asid.ODSCode
	interaction  asid.InteractionID
}

// fqdns looks the FQDNs of a party key up: at the endpoints of the organisation, and
// if it has none, as behind a shared message handling system, at the party key's
// endpoint for the interaction. asid.ErrNotFound says that there are none.
func (f *FHIR) fqdns(ctx context.Context, p party) ([]string, error) {
	for _, question := range []url.Values{parameters(p.organization, "", p.key), parameters(asid.ODSCode{}, p.interaction, p.key)} {
		var fqdns []string
		err := f.confirmed(ctx, "Endpoint", question, func(resources []resource) (bool, error) {
			endpoints, dropped, err := readEndpoints(resources, "", p.key)
			f.dropped.note(f.log(), "party key "+p.key, dropped)
			fqdns = namesOf(endpoints)
			return len(fqdns) > 0, err
		})
		if err != asid.ErrNotFound {
			return fqdns, err
		}
	}
	return nil, asid.ErrNotFound
}

// parameters returns a question about what is not empty.
func parameters(organization asid.ODSCode, interaction asid.InteractionID, partyKey string) url.Values {
	v := make(url.Values)
	if !organization.IsZero() {
		v.Set("organization", odsSystem+"|"+organization.String())
	}
	if interaction != "" {
		v.Add("identifier", interactionSystem+"|"+string(interaction))
	}
	if partyKey != "" {
		v.Add("identifier", partyKeySystem+"|"+partyKey)
	}
	return v
}

// confirmed asks and has read look at the answer. If read finds nothing it asks for
// the canary and then once more: what is not found then is not there, and the error
// is asid.ErrNotFound.
func (f *FHIR) confirmed(ctx context.Context, kind string, question url.Values, read func([]resource) (found bool, err error)) error {
	for attempt := range 2 {
		resources, err := f.query(ctx, kind, question)
		if err != nil {
			return err
		}
		found, err := read(resources)
		if found || err != nil {
			return err
		}
		// A limit gives a part as if it were the whole.
		if len(resources) >= wholeAnswer {
			return &Error{Detail: fmt.Sprintf("%d records came back and not the one asked for: it may have been cut off", len(resources)), Err: ErrPartial}
		}
		if attempt > 0 {
			break
		}
		if err := f.askCanary(ctx); err != nil {
			return err
		}
	}
	return asid.ErrNotFound
}

// wholeAnswer is the number of records from which on an answer may be a part: it
// says nothing about what is not in it. The directory's limit is not published;
// OpenLDAP's default is 500.
const wholeAnswer = 100

func (f *FHIR) askCanary(ctx context.Context) error {
	if f.Canary == (Canary{}) {
		return &Error{Detail: "an empty answer may be an outage, and there is no canary to ask", Err: ErrCanary}
	}
	resources, err := f.query(ctx, "Device", parameters(f.Canary.Organization, f.Canary.Interaction, ""))
	if err != nil {
		return err
	}
	devices, _, err := readDevices(resources, f.Canary.Interaction, "")
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		return &Error{Detail: "the service does not show a system that is known to exist", Err: ErrCanary}
	}
	return nil
}

// checkInteraction refuses what could mean something in the filter that the service
// makes of it, or match another interaction.
func checkInteraction(id asid.InteractionID) error {
	_, err := asid.ParseInteractionID(string(id))
	for i := 0; i < len(id) && err == nil; i++ {
		c := id[i]
		if !ascii.Alphanumeric(c) && strings.IndexByte(":.-_/", c) < 0 {
			err = fmt.Errorf("it has the character %q", c)
		}
	}
	if err != nil {
		return &Error{Detail: "the interaction cannot be asked about", Err: fmt.Errorf("%w: %w", ErrInput, err)}
	}
	return nil
}
