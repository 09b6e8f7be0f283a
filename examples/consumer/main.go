// SPDX-License-Identifier: Apache-2.0

// Consumer retrieves one record, through the Spine Secure Proxy (SSP) when -ssp
// is given and from the provider itself otherwise.
//
//	consumer -url URL [-ssp URL] -cert FILE -key FILE -roots FILE -subcas FILE [-fqdn NAME] [-crl FILE]... [-fetch]
//	    [-engine native|openssl] [-suite NAME] -from ASID -to ASID|-sds URL [-owner ODS] [-interaction URN] -ods ODS [-user SDSROLEPROFILEID]
//	    [-cache DIR] [-audit FILE] [-sds-canary ODS,URN] [-sds-key FILE] [-sds-ca FILE]
//
//	consumer -nrl URL -patient NHSNUMBER [-nrl-asid ASID] [-retrieve N|all] ...
//
// With -nrl, in place of -url, it searches the pointers of a patient there, prints
// them as a table (type, custodian, format, URL; -fqdn then has the NRL's name, too),
// and retrieves the Nth record, or all, as above.
//
// With -sds the directory's FHIR service finds the provider's ASID, by the
// organisation that holds the record: -owner, or the first part of the URL's path.
// -sds-canary names one that it is known to have, -sds-key the file of the API key.
//
// It prints the status, suite, protocol and the peer's FQDN on stderr and the
// record on stdout. The exit status is 0 only if the answer is a 2xx.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/directory"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/engine"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func main() { endpoint.Main("consumer", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, end := endpoint.NewFlags("consumer", "server", "default: the host that is called")
	record := flags.String("url", "", "the record's `URL`")
	var patient patientSearch
	flags.StringVar(&patient.nrl, "nrl", "", "the `URL` of an NRL whose pointers are searched, such as https://nrl.test/STU3")
	flags.StringVar(&patient.self, "nrl-asid", "999999999999", "the NRL's `ASID`")
	flags.StringVar(&patient.nhsNumber, "patient", "", "the `NHSNUMBER` of the patient whose pointers are searched")
	flags.StringVar(&patient.retrieve, "retrieve", "", "the `N`umber of the record to retrieve, or all")
	logFile := flags.String("audit", "", "`FILE` to which the audit records are added, one JSON line for each request")
	ssp := flags.String("ssp", "", "the proxy's `URL`; empty: the provider is called itself")
	var by engine.Name
	by.Register(flags)
	suite := flags.String("suite", "", "the only cipher suite to offer, by its OpenSSL `NAME`")
	from := flags.String("from", "", "this system's `ASID`")
	to := flags.String("to", "", "the provider's `ASID`")
	var sds directory.Flags
	sds.Register(flags)
	owner := flags.String("owner", "", "the `ODS` code of the organisation that holds the record; for -sds")
	interaction := flags.String("interaction", string(asid.DocumentReferenceContentRead), "the interaction's `URN`")
	ods := flags.String("ods", "", "the `ODS` code of the organisation that asks")
	user := flags.String("user", "", "the SDS role profile `ID` of the professional who asks; required by the NRL's interactions")
	if err := endpoint.Parse(flags, args, stderr); err != nil {
		return err
	}

	e, err := end.Endpoint(ctx, nil)
	if err != nil {
		return err
	}
	if *suite != "" {
		only, err := tlsconfig.ParseSuite(*suite)
		if err != nil {
			return fmt.Errorf("-suite: %w", err)
		}
		e.Suites = []tlsconfig.Suite{only}
	}
	base, err := by.Transport(e)
	if err != nil {
		return err
	}
	defer (&http.Client{Transport: base}).CloseIdleConnections()
	t := &asid.Transport{Base: base}
	if t.From, err = asid.ParseID(*from); err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	if t.Interaction, err = asid.ParseInteractionID(*interaction); err != nil {
		return fmt.Errorf("-interaction: %w", err)
	}
	if sds.URL != "" && *to == "" {
		if t.To, err = find(ctx, &sds, *owner, t.Interaction, *record); err != nil {
			return fmt.Errorf("-sds: %w", err)
		}
	} else if t.To, err = asid.ParseID(*to); err != nil && (*to != "" || patient.nrl == "" || patient.retrieve != "") {
		return fmt.Errorf("-to: %w", err)
	}
	if t.Claims.Organization, err = asid.ParseODSCode(*ods); err != nil {
		return fmt.Errorf("-ods: %w", err)
	}
	t.Claims.User = *user
	switch t.Interaction {
	case asid.DocumentReferenceRead, asid.DocumentReferenceSearch:
		// The NRL itself is called, with headers of its own.
	default:
		t.Protocol = asid.SSP
	}
	if *ssp != "" {
		if t.SSP, err = url.Parse(*ssp); err != nil {
			return fmt.Errorf("-ssp: %w", err)
		}
	}
	if *logFile != "" {
		file, err := os.OpenFile(*logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("-audit: %w", err)
		}
		defer file.Close()
		t.Logger = slog.New(slog.NewJSONHandler(file, nil))
	}
	if patient.nrl == "" {
		return retrieve(ctx, t, *record, stdout, stderr)
	}
	if *record != "" {
		return errors.New("-nrl and -url are not for both at once")
	}
	return patient.run(ctx, *t, stdout, stderr, func(ctx context.Context, record string) error {
		return retrieve(ctx, t, record, stdout, stderr)
	})
}

// find returns the ASID of the record's provider.
func find(ctx context.Context, sds *directory.Flags, owner string, interaction asid.InteractionID, record string) (asid.ID, error) {
	u, err := url.Parse(record)
	if err != nil {
		return asid.ID{}, err
	}
	if owner == "" {
		owner, _, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	}
	organization, err := asid.ParseODSCode(owner)
	if err != nil {
		return asid.ID{}, fmt.Errorf("the organisation that holds the record: %w", err)
	}
	service, err := sds.FHIR(nil)
	if err != nil {
		return asid.ID{}, err
	}
	provider, err := service.Provider(ctx, organization, interaction, u)
	return provider.ASID, err
}

func retrieve(ctx context.Context, t http.RoundTripper, record string, stdout, stderr io.Writer) error {
	var connection tls.ConnectionState
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if conn, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
			connection = conn.ConnectionState()
		}
	}})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, record, nil)
	if err != nil {
		return err
	}
	// A redirect leads to a host that the user did not name.
	client := &http.Client{Transport: &asid.Retry{Base: t}, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	peer := "unknown"
	if certs := connection.PeerCertificates; len(certs) > 0 {
		if names, err := tlsconfig.FQDNs(certs[0]); err == nil {
			peer = strings.Join(names, ",")
		}
	}
	fmt.Fprintf(stderr, "status %s\nsuite %s\nprotocol %s\npeer %s\n", printable(response.Status),
		tlsconfig.Suite(connection.CipherSuite), tls.VersionName(connection.Version), peer)
	if _, err := io.Copy(stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the answer is %s", printable(response.Status))
	}
	return nil
}
