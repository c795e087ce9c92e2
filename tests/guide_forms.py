"""The forms of a lab for which the guide says different things."""

HEAD = "apiVersion: labspec/v1\nname: lab\nistio: {version: '1.30', api: meshConfig}\npropagation: {format: b3}\n"
CLIENT = "services:\n  web: {kind: curl, calls: [api]%s}\n  api: {kind: http-echo%s}\n"
IDS = "logs: {format: 't=${trace_id} s=${span_id}'}\n"

FORMS = {
    "tracer": HEAD + IDS + CLIENT % (", tracer: {bits: 64}", ""),
    "sidecar starts": HEAD + CLIENT % ("", ""),
    "app says not sampled": HEAD + CLIENT % (", tracer: {sampled: false}", ""),
    "app says sampled at 1 percent": HEAD + "sampling: {percent: 1}\n" + CLIENT % (", tracer: {}", ""),
    "1 percent": HEAD + "sampling: {percent: 1}\n" + CLIENT % ("", ""),
    "half": HEAD + "sampling: {percent: 50}\n" + CLIENT % ("", ""),
    "a hundredth": HEAD + "sampling: {percent: 0.01}\n" + CLIENT % ("", ""),
    "no collector": HEAD + "collector: {kind: none}\n" + CLIENT % ("", ""),
    "no collector, tracer": HEAD + "collector: {kind: none}\n" + CLIENT % (", tracer: {}", ""),
    "tracer, log without ids": HEAD + "logs: {format: istio}\n" + CLIENT % (", tracer: {}", ""),
    "manual tracer": HEAD + IDS + CLIENT % (", every: manual, tracer: {}", ""),
    "no log": HEAD + "logs: {format: none}\n" + CLIENT % ("", ""),
    "Istio's log": HEAD + "logs: {format: istio}\n" + CLIENT % ("", ""),
    "log without ids": HEAD + "logs: {format: 'code=%RESPONSE_CODE%'}\n" + CLIENT % ("", ""),
    "log of a silent operator": HEAD + "logs: {format: '%TRACE_ID% %SPAN_ID%'}\n" + CLIENT % ("", ""),
    "no log, no collector": HEAD + "logs: {format: none}\ncollector: {kind: none}\n" + CLIENT % ("", ""),
    "manual": HEAD + CLIENT % (", every: manual", ""),
    "manual tracer, not sampled": HEAD + CLIENT % (", every: manual, tracer: {sampled: false}", ""),
    "ports": HEAD + IDS + CLIENT % ("", ", port: 8080, targetPort: 9000, status: 404"),
    "given namespace": HEAD + "namespace: shop\n" + CLIENT % ("", ""),
    "namespace default": HEAD + "namespace: default\n" + CLIENT % ("", ""),
    "collector elsewhere": HEAD + "collector: {kind: jaeger, namespace: tracing}\n" + CLIENT % ("", ""),
    "callee without pods": HEAD + IDS + CLIENT % ("", ", replicas: 0"),
    "client without pods": HEAD + CLIENT % (", replicas: 0", ""),
    "nobody calls": HEAD + "services:\n  api: {kind: http-echo}\n",
    "several": HEAD
    + "sampling: {percent: 10}\n"
    + "services:\n  end: {kind: curl, calls: [api, {to: log, path: /x, method: HEAD}]}\n"
    + "  two: {kind: curl, tracer: {}, calls: [api]}\n  api: {kind: http-echo}\n  log: {kind: http-echo}\n  spare: {kind: http-echo}\n",
    "other profile": HEAD.replace("api: meshConfig", "api: meshConfig, profile: minimal") + CLIENT % ("", ""),
}  # fmt: skip
