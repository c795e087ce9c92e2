package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pilot/pkg/features"
	istiocore "istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/kube/inject"
	"istio.io/istio/pkg/test"
)

const proxyContainer = "istio-proxy"

type staticWatcher struct {
	config *inject.Config
	values string
}

func (s staticWatcher) SetHandler(func(*inject.Config, string) error) {}
func (s staticWatcher) Run(<-chan struct{})                           {}
func (s staticWatcher) Get() (*inject.Config, string, error)          { return s.config, s.values, nil }

// inject sends every pod through Istio's webhook handler where the API server would.
func (c *simulated) inject(t test.Failer, in *install) error {
	// A native sidecar is the same container in another list.
	features.EnableNativeSidecars = features.NativeSidecarModeDisabled
	generator := istiocore.NewConfigGenTest(t, istiocore.TestOptions{MeshConfig: in.mesh, Configs: c.configs})
	mux := http.NewServeMux()
	if _, err := inject.NewWebhook(inject.WebhookParameters{
		Watcher: staticWatcher{&in.injector, in.values}, Env: generator.Env(), Mux: mux, Revision: in.revision,
	}); err != nil {
		return err
	}
	refusals := &refusedError{code: exitInjection}
	for i, w := range c.workloads {
		if w.replicas == 0 {
			w.injectionNote = "no replicas: no pod"
			continue
		}
		pod, err := c.admitted(mux, in, w)
		if err != nil {
			refusals.add("injection", "Deployment "+w.namespace+"/"+w.name, err)
			continue
		}
		w.schedule(pod, i)
	}
	if len(refusals.refusals) > 0 {
		return refusals
	}
	return nil
}

// admitted is the pod of a workload after the mutating webhooks.
func (c *simulated) admitted(mux http.Handler, in *install, w *workload) (*corev1.Pod, error) {
	pod := w.newPod()
	if w.fromIstio {
		w.injectionNote = "part of the installation"
		return pod, nil
	}
	hook, err := in.webhookFor(c.namespaces[w.namespace], pod.Labels)
	if err != nil {
		return nil, err
	}
	if hook == nil {
		w.injectionNote = "no injection webhook selects this pod (namespace and pod labels)"
		return pod, nil
	}
	pod, note, err := callWebhook(mux, pod)
	if err != nil {
		return nil, err
	}
	w.injected = proxyOf(pod) != nil
	w.injectionNote = "webhook " + hook.Name + note
	return pod, nil
}

func callWebhook(mux http.Handler, pod *corev1.Pod) (*corev1.Pod, string, error) {
	raw, err := json.Marshal(pod)
	if err != nil {
		return nil, "", err
	}
	answer, err := review(mux, pod.Namespace, raw)
	if err != nil {
		return nil, "", err
	}
	if len(answer.Patch) == 0 {
		return pod, ": policy check says no injection", nil
	}
	patch, err := jsonpatch.DecodePatch(answer.Patch)
	if err != nil {
		return nil, "", err
	}
	patched, err := patch.Apply(raw)
	if err != nil {
		return nil, "", err
	}
	out := &corev1.Pod{}
	return out, "", json.Unmarshal(patched, out)
}

func review(mux http.Handler, namespace string, pod []byte) (*admissionv1.AdmissionResponse, error) {
	body, err := json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: types.UID("oracle"), Namespace: namespace, Operation: admissionv1.Create,
			Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Object: runtime.RawExtension{Raw: pod},
		},
	})
	if err != nil {
		return nil, err
	}
	request := httptest.NewRequest(http.MethodPost, "/inject", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		return nil, fmt.Errorf("webhook: HTTP %d: %s", recorder.Code, recorder.Body.String())
	}
	out := &admissionv1.AdmissionReview{}
	if err := json.Unmarshal(recorder.Body.Bytes(), out); err != nil {
		return nil, err
	}
	switch {
	case out.Response == nil:
		return nil, errors.New("webhook: no response")
	case !out.Response.Allowed && out.Response.Result != nil:
		return nil, errors.New(out.Response.Result.Message)
	case !out.Response.Allowed:
		return nil, errors.New("denied")
	}
	return out.Response, nil
}

func proxyOf(p *corev1.Pod) *corev1.Container {
	for _, list := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == proxyContainer {
				return &list[i]
			}
		}
	}
	return nil
}

// isGateway tells a gateway of the installation: its Envoy is of type router.
func (w *workload) isGateway() bool {
	return w.fromIstio && w.pod != nil && isRouter(proxyOf(w.pod))
}

func isRouter(container *corev1.Container) bool {
	if container == nil {
		return false
	}
	for i, argument := range container.Args {
		if argument == "proxy" && i+1 < len(container.Args) && container.Args[i+1] == "router" {
			return true
		}
	}
	return false
}
