{{- define "warmlink.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "warmlink.labels" -}}
app.kubernetes.io/name: warmlink
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "warmlink.selector" -}}
app.kubernetes.io/name: warmlink
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "warmlink.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* What the profile "restricted" of the Pod Security Standards asks for, and a root that cannot be written. */}}
{{- define "warmlink.container" -}}
image: {{ include "warmlink.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  privileged: false
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "warmlink.mounts" -}}
- {name: state, mountPath: /var/lib/warmlink}
- {name: config, mountPath: /var/lib/warmlink/warmlink.toml, subPath: warmlink.toml, readOnly: true}
- {name: settings, mountPath: /run/secrets/warmlink, readOnly: true}
- {name: keys, mountPath: /run/keys, readOnly: true}
- {name: scratch, mountPath: /tmp}
{{- if eq .Values.shelf.kind "volume" }}
- {name: shelf, mountPath: /var/lib/warmlink-shelf}
{{- end }}
{{- end -}}

{{/* What values.schema.json cannot say, because it looks at one value at a time. */}}
{{- define "warmlink.check" -}}
{{- $several := or (gt (int .Values.engine.replicas) 1) (gt (int .Values.console.replicas) 1) -}}
{{- if and $several (eq .Values.database.kind "sqlite") -}}
{{- fail "more than one engine or console needs PostgreSQL: set database.kind, or replicas to 1" -}}
{{- end -}}
{{- if and $several (eq .Values.shelf.kind "volume") -}}
{{- fail "more than one engine or console needs one shelf for all: set shelf.kind to postgresql (docs/keys.md), or replicas to 1" -}}
{{- end -}}
{{- $own := contains "sqlite:////var/lib/warmlink-shelf/" .Values.config -}}
{{- if and (eq .Values.shelf.kind "volume") (not $own) -}}
{{- fail "shelf.kind is volume: set keys.shelf in config to sqlite:////var/lib/warmlink-shelf/shelf.db, so that no snapshot of the state holds it" -}}
{{- end -}}
{{- if and (eq .Values.shelf.kind "postgresql") (regexMatch "(?m)^\\s*shelf\\s*=" .Values.config) -}}
{{- fail "shelf.kind is postgresql: take keys.shelf out of config and put WARMLINK_KEYS__SHELF into secrets.settings" -}}
{{- end -}}
{{- if and (eq .Values.database.kind "postgresql") (regexMatch "(?m)^\\s*url\\s*=\\s*.sqlite:" .Values.config) -}}
{{- fail "config names an SQLite database: set database.kind to sqlite" -}}
{{- end -}}
{{- end -}}

{{/* Key files must be their owner's alone, and a mounted secret is readable by the group: so they are copied into memory. */}}
{{- define "warmlink.pod" -}}
automountServiceAccountToken: false
serviceAccountName: {{ include "warmlink.name" . }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
initContainers:
  - name: keys
{{ include "warmlink.container" . | indent 4 }}
    command: ["/bin/sh", "-c", "for f in /run/given/*; do install -m 0600 \"$f\" /run/keys/; done"]
    resources:
      requests: {cpu: 10m, memory: 16Mi}
      limits: {memory: 64Mi}
    volumeMounts:
      - {name: given, mountPath: /run/given, readOnly: true}
      - {name: keys, mountPath: /run/keys}
volumes:
  - name: state
    persistentVolumeClaim:
      claimName: {{ .Values.state.existingClaim | default (printf "%s-state" (include "warmlink.name" .)) }}
{{- if eq .Values.shelf.kind "volume" }}
  - name: shelf
    persistentVolumeClaim:
      claimName: {{ .Values.shelf.existingClaim | default (printf "%s-shelf" (include "warmlink.name" .)) }}
{{- end }}
  - name: config
    configMap: {name: {{ include "warmlink.name" . }}}
  - name: settings
    secret: {secretName: {{ .Values.secrets.settings }}, defaultMode: 0440}
  - name: given
    secret: {secretName: {{ .Values.secrets.keys }}, defaultMode: 0440}
  - name: keys
    emptyDir: {medium: Memory, sizeLimit: 1Mi}
  - name: scratch
    emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- end -}}
