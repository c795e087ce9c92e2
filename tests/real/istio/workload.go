package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"istio.io/istio/pkg/ptr"
)

const (
	clusterDomain = "cluster.local"
	nodeName      = "oracle-node"
	hostIP        = "192.168.49.2"
)

// workload is one Deployment, simulated as a single pod whatever its replicas.
type workload struct {
	name, namespace string
	replicas        int32
	template        corev1.PodTemplateSpec
	fromIstio       bool // part of the installation

	pod           *corev1.Pod
	injected      bool
	injectionNote string
}

func node() *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: hostIP}}},
	}
}

func digest(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:n]
}

// newPod is the pod as the workload's controller makes it, before admission.
func (w *workload) newPod() *corev1.Pod {
	t := w.template.DeepCopy()
	p := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: t.ObjectMeta, Spec: t.Spec}
	p.Namespace = w.namespace
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	if p.Annotations == nil {
		p.Annotations = map[string]string{}
	}
	set := w.name + "-" + digest(w.namespace+"/"+w.name, 9)
	p.Labels["pod-template-hash"] = digest(w.namespace+"/"+w.name, 9)
	p.GenerateName = set + "-"
	p.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set, UID: types.UID(digest(set, 12)), Controller: ptr.Of(true),
	}}
	if p.Spec.ServiceAccountName == "" {
		p.Spec.ServiceAccountName = "default"
	}
	for i := range p.Spec.Containers {
		for j := range p.Spec.Containers[i].Ports {
			if p.Spec.Containers[i].Ports[j].Protocol == "" {
				p.Spec.Containers[i].Ports[j].Protocol = corev1.ProtocolTCP
			}
		}
	}
	return p
}

// schedule turns an admitted pod into a running one.
func (w *workload) schedule(p *corev1.Pod, index int) {
	p.Name = p.GenerateName + digest(p.GenerateName, 5)
	p.UID = types.UID(digest(p.Namespace+p.Name, 20))
	p.Spec.NodeName = nodeName
	ip := fmt.Sprintf("10.244.%d.%d", index/200, index%200+10)
	p.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, HostIP: hostIP,
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(epoch)},
		},
	}
	w.pod = p
}

// makeSlices is what the controller of EndpointSlices does.
func (c *simulated) makeSlices() {
	for _, s := range c.services {
		if len(s.Spec.Selector) == 0 || s.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		selector := labels.SelectorFromSet(s.Spec.Selector)
		before := len(c.slices)
		for _, w := range c.workloads {
			if w.pod != nil && w.namespace == s.Namespace && selector.Matches(labels.Set(w.pod.Labels)) {
				// One slice for each pod: named ports may be others on each.
				c.slices = append(c.slices, c.slice(s, w.pod, len(c.slices)-before))
			}
		}
		if len(c.slices) == before {
			c.warnf("Service %s/%s selects no pod", s.Namespace, s.Name)
		}
	}
}

func (c *simulated) slice(s *corev1.Service, p *corev1.Pod, index int) *discoveryv1.EndpointSlice {
	out := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name + "-" + strconv.Itoa(index), Namespace: s.Namespace, Labels: map[string]string{},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{p.Status.PodIP},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.Of(true), Serving: ptr.Of(true), Terminating: ptr.Of(false)},
			NodeName:   ptr.Of(nodeName),
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: p.Name, Namespace: p.Namespace, UID: p.UID},
		}},
	}
	for k, v := range s.Labels {
		out.Labels[k] = v
	}
	out.Labels[discoveryv1.LabelServiceName] = s.Name
	for _, port := range s.Spec.Ports {
		number, ok := targetPort(p, port)
		if !ok {
			c.warnf("Service %s/%s port %d: targetPort %s is not a named port of pod %s: no endpoint",
				s.Namespace, s.Name, port.Port, port.TargetPort.String(), p.Name)
			continue
		}
		out.Ports = append(out.Ports, discoveryv1.EndpointPort{
			Name: ptr.Of(port.Name), Port: &number, Protocol: ptr.Of(port.Protocol), AppProtocol: port.AppProtocol,
		})
	}
	return out
}

func targetPort(p *corev1.Pod, s corev1.ServicePort) (int32, bool) {
	if s.TargetPort.Type == intstr.Int {
		return s.TargetPort.IntVal, true
	}
	for _, container := range append(append([]corev1.Container{}, p.Spec.Containers...), p.Spec.InitContainers...) {
		for _, port := range container.Ports {
			if port.Name == s.TargetPort.StrVal && port.Protocol == s.Protocol {
				return port.ContainerPort, true
			}
		}
	}
	return 0, false
}
