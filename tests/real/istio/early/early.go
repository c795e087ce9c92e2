// Package early runs before Istio's packages are initialised: Go initialises packages that are ready in the
// order of their import paths, and this one needs only os. Else istio.io/istio/pkg/test/env would print
// warnings about missing build folders on stdout, where the report goes.
package early

import "os"

func init() {
	for _, name := range []string{"TARGET_OUT", "LOCAL_OUT"} {
		if os.Getenv(name) == "" {
			_ = os.Setenv(name, os.TempDir())
		}
	}
}
