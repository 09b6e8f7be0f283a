// SPDX-License-Identifier: Apache-2.0

//go:build nolibssl

package engine

import (
	"errors"
	"net"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

var errLeftOut = errors.New("-engine openssl was left out of this program by the build tag nolibssl")

func listenLibssl(net.Listener, *tlsconfig.Endpoint) (net.Listener, error) { return nil, errLeftOut }

func libsslTransport(*tlsconfig.Endpoint) (http.RoundTripper, error) { return nil, errLeftOut }
