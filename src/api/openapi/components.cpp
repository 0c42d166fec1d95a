// The shapes that parsers other than rows read, and those of the answers. tests/e2e/test_openapi.py
// holds real requests and answers to them.
#include "api/openapi/operation.h"

namespace oc {

std::string_view component_schemas() {
  return R"json({
"OpenAiError": {"type": "object", "required": ["error"], "properties": {"error": {
  "type": "object", "required": ["message", "type", "param", "code"], "properties": {
    "message": {"type": "string", "description": "what was wrong, and what to do"},
    "type": {"type": "string"}, "param": {"type": ["string", "null"], "description": "the field"},
    "code": {"type": "string"}}}}},
"BackendError": {"allOf": [{"$ref": "#/components/schemas/OpenAiError"},
  {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}}]},
"AnthropicError": {"type": "object", "required": ["type", "error"], "properties": {
  "type": {"const": "error"}, "request_id": {"type": ["string", "null"]}, "error": {
    "type": "object", "required": ["type", "message"], "properties": {
      "type": {"type": "string"}, "message": {"type": "string"}}}}},

"OllamaError": {"type": "object", "required": ["error"], "properties": {
  "error": {"type": "string", "description": "what was wrong, and what to do"},
  "code": {"type": "string"}, "param": {"type": "string", "description": "the field"}}},
"OllamaMessage": {"type": "object", "required": ["role"], "properties": {
  "role": {"enum": ["system", "user", "assistant", "tool"]}, "content": {"type": ["string", "null"]},
  "images": {"type": ["array", "null"], "items": {"type": "string", "description": "base64, or a data: URL"}},
  "tool_calls": {"type": ["array", "null"]}, "tool_name": {"type": ["string", "null"]},
  "tool_call_id": {"type": ["string", "null"]}, "name": {"type": ["string", "null"]}, "thinking": {}},
  "additionalProperties": false},
"OllamaAnswer": {"type": "object", "required": ["model", "created_at", "done"], "properties": {
  "model": {"type": "string"}, "created_at": {"type": "string"}, "done": {"type": "boolean"},
  "done_reason": {"enum": ["stop", "length", "load", "unload"]},
  "total_duration": {"type": "integer"}, "load_duration": {"type": "integer"},
  "prompt_eval_count": {"type": "integer"}, "prompt_eval_duration": {"type": "integer"},
  "eval_count": {"type": "integer"}, "eval_duration": {"type": "integer"}, "logprobs": {"type": "array"},
  "warning": {"type": "string", "description": "what was accepted without effect, and what was changed"},
  "ocellus": {"type": "object"}}},
"OllamaChat": {"allOf": [{"$ref": "#/components/schemas/OllamaAnswer"}, {"type": "object", "required": ["message"],
  "properties": {"message": {"type": "object", "required": ["role", "content"], "properties": {
    "role": {"const": "assistant"}, "content": {"type": "string"}}}}}]},
"OllamaGenerate": {"allOf": [{"$ref": "#/components/schemas/OllamaAnswer"}, {"type": "object",
  "required": ["response"], "properties": {"response": {"type": "string"}}}]},
"OllamaVersion": {"type": "object", "required": ["version"], "properties": {
  "version": {"type": "string"}, "ocellus": {"type": "string"}}},
"OllamaDetails": {"type": "object", "required": ["format", "family", "families", "quantization_level"], "properties": {
  "parent_model": {"type": "string"}, "format": {"type": "string"}, "family": {"type": "string"},
  "families": {"type": "array", "items": {"type": "string"}}, "parameter_size": {"type": "string"},
  "quantization_level": {"type": "string"}}},
"OllamaModels": {"type": "object", "required": ["models"], "properties": {"models": {"type": "array", "items": {
  "type": "object", "required": ["name", "model", "size", "digest", "details"], "properties": {
    "name": {"type": "string"}, "model": {"type": "string"}, "size": {"type": "integer"}, "digest": {"type": "string"},
    "modified_at": {"type": "string"}, "expires_at": {"type": "string"}, "size_vram": {"type": "integer"},
    "context_length": {"type": "integer"}, "details": {"$ref": "#/components/schemas/OllamaDetails"}}}}}},
"OllamaShow": {"type": "object", "required": ["details", "model_info", "capabilities"], "properties": {
  "details": {"$ref": "#/components/schemas/OllamaDetails"}, "model_info": {"type": "object"},
  "capabilities": {"type": "array", "items": {"type": "string"}}, "license": {"type": "string"},
  "modelfile": {"type": "string"}, "parameters": {"type": "string"}, "template": {"type": "string"},
  "modified_at": {"type": "string"}}},
"OllamaStatus": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}},

"ImageUrl": {"description": "a data: URL, or an object with it", "anyOf": [{"type": "string"}, {
  "type": "object", "required": ["url"], "properties": {"url": {"type": "string"},
    "detail": {"enum": ["low", "auto", "high", "original", "", null]}, "format": {}},
    "additionalProperties": {"type": ["integer", "boolean", "null"], "description": "a knob of the model's family"}}]},
"ContentPart": {"type": "object", "required": ["type"], "properties": {
  "type": {"enum": ["text", "refusal", "image_url", "video_frames"]}, "text": {"type": "string"},
  "refusal": {"type": "string"}, "image_url": {"$ref": "#/components/schemas/ImageUrl"},
  "frames": {"type": "array", "minItems": 1, "items": {"type": "string"}}, "fps": {"type": "number"},
  "id": {}, "annotations": {}, "cache_control": {}, "metadata": {}}, "additionalProperties": false},
"ChatMessage": {"type": "object", "required": ["role"], "properties": {
  "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
  "content": {"anyOf": [{"type": ["string", "null"]},
    {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ContentPart"}}]},
  "name": {"type": ["string", "null"]}, "tool_call_id": {"type": ["string", "null"]},
  "refusal": {"type": ["string", "null"]}, "tool_calls": {"type": ["array", "null"]},
  "function_call": {"type": ["object", "null"]}}},
"ResponseFormat": {"type": ["object", "null"], "required": ["type"], "properties": {
  "type": {"enum": ["text", "json_object", "json_schema"]}, "json_schema": {
    "type": ["object", "null"], "required": ["name", "schema"], "properties": {
      "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}, "description": {"type": ["string", "null"]},
      "schema": {"type": "object", "description": "docs/grammar.md says which schemas are held to"},
      "strict": {"type": ["boolean", "null"]}}, "additionalProperties": false},
    "schema": {"type": ["object", "null"], "description": "beside json_object"}},
  "additionalProperties": false},
"Usage": {"type": "object", "required": ["prompt_tokens", "completion_tokens", "total_tokens"], "properties": {
  "prompt_tokens": {"type": "integer"}, "completion_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"},
  "prompt_tokens_details": {"type": "object", "properties": {
    "cached_tokens": {"type": "integer"}, "image_tokens": {"type": "integer"}}}}},
"ChatCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"], "properties": {
  "id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
  "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
  "choices": {"type": "array", "minItems": 1, "items": {
    "type": "object", "required": ["index", "message", "finish_reason", "logprobs"], "properties": {
      "index": {"type": "integer"}, "finish_reason": {"enum": ["stop", "length", "tool_calls", "function_call"]},
      "logprobs": {"type": ["object", "null"]}, "message": {"type": "object", "required": ["role", "content"],
        "properties": {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]},
          "refusal": {"type": ["string", "null"]}, "tool_calls": {"type": "array"}}}}}},
  "usage": {"$ref": "#/components/schemas/Usage"},
  "warning": {"type": "string", "description": "what was accepted without effect, and what was changed"},
  "ocellus": {"type": "object", "description": "what the model saw, and where the time went"}}},
"Prompt": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "maxItems": 64, "items": {
    "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}]}},
  {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}]},
"TextCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"], "properties": {
  "id": {"type": "string", "pattern": "^cmpl-"}, "object": {"const": "text_completion"}, "created": {"type": "integer"},
  "model": {"type": "string"}, "system_fingerprint": {"type": "string"},
  "choices": {"type": "array", "minItems": 1, "items": {
    "type": "object", "required": ["index", "text", "finish_reason", "logprobs"], "properties": {
      "index": {"type": "integer"}, "text": {"type": "string"}, "finish_reason": {"enum": ["stop", "length"]},
      "logprobs": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {
        "tokens": {"type": "array", "items": {"type": "string"}},
        "token_logprobs": {"type": "array", "items": {"type": "number"}},
        "top_logprobs": {"type": "array", "items": {"type": "object"}},
        "text_offset": {"type": "array", "items": {"type": "integer"}}},
        "required": ["tokens", "token_logprobs", "top_logprobs", "text_offset"]}]}}}},
  "usage": {"$ref": "#/components/schemas/Usage"},
  "warning": {"type": "string", "description": "what was accepted without effect, and what was changed"},
  "ocellus": {"type": "object", "description": "where the time went"}}},
"ImagesPlan": {"type": "object", "required": ["object", "model", "images", "usage", "max_tokens", "cached", "expected"],
  "properties": {"object": {"const": "images.plan"}, "model": {"type": "string"}, "images": {"type": "array"},
    "usage": {"type": "object"}, "max_tokens": {"type": "integer"}, "cached": {"type": "boolean"},
    "requests_ahead": {"type": "integer"}, "expected": {"type": "object"}, "warning": {"type": "string"}}},

"Response": {"type": "object", "required": ["id", "object", "created_at", "status", "model", "output", "usage", "error",
  "incomplete_details", "parallel_tool_calls", "tool_choice", "tools"], "properties": {
  "id": {"type": "string", "pattern": "^resp_"}, "object": {"const": "response"}, "created_at": {"type": "integer"},
  "status": {"enum": ["completed", "incomplete"]}, "model": {"type": "string"}, "output": {"type": "array", "items": {
    "type": "object", "required": ["id", "type", "status"], "properties": {
      "type": {"enum": ["message", "function_call"]}, "status": {"enum": ["completed", "incomplete"]}}}},
  "usage": {"type": "object", "required": ["input_tokens", "output_tokens", "total_tokens"]},
  "warning": {"type": "string"}}},
"ResponseDeleted": {"type": "object", "required": ["id", "object", "deleted"], "properties": {
  "id": {"type": "string"}, "object": {"const": "response"}, "deleted": {"const": true}}},

"ContentBlock": {"type": "object", "required": ["type"], "properties": {
  "type": {"enum": ["text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking"]},
  "text": {"type": "string"}, "source": {"type": "object", "required": ["type"], "properties": {
    "type": {"enum": ["base64", "url"]}, "media_type": {"type": ["string", "null"]}, "data": {"type": "string"},
    "url": {"type": "string"}}, "additionalProperties": false}}},
"InputMessage": {"type": "object", "required": ["role", "content"], "properties": {
  "role": {"enum": ["user", "assistant", "system"]}, "content": {"anyOf": [{"type": "string"},
    {"type": "array", "items": {"$ref": "#/components/schemas/ContentBlock"}}]}}},
"Message": {"type": "object", "required": ["id", "type", "role", "model", "content", "stop_reason", "usage"], "properties": {
  "id": {"type": "string"}, "type": {"const": "message"}, "role": {"const": "assistant"}, "model": {"type": "string"},
  "content": {"type": "array", "items": {"type": "object", "required": ["type"]}},
  "stop_reason": {"enum": ["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"]},
  "stop_sequence": {"type": ["string", "null"]}, "usage": {"type": "object", "required": ["input_tokens", "output_tokens"]},
  "warning": {"type": "string"}}},
"TokenCount": {"type": "object", "required": ["input_tokens"], "properties": {"input_tokens": {"type": "integer"}}},

"QueryAnswer": {"type": "object", "required": ["request_id", "answer", "finish_reason", "usage"], "properties": {
  "request_id": {"type": "string"}, "answer": {"type": "string"}, "finish_reason": {"type": "string"},
  "usage": {"type": "object"}, "warning": {"type": "string"}}},
"CaptionAnswer": {"type": "object", "required": ["request_id", "caption", "finish_reason", "usage"], "properties": {
  "request_id": {"type": "string"}, "caption": {"type": "string"}, "finish_reason": {"type": "string"},
  "usage": {"type": "object"}, "warning": {"type": "string"}}},
"DetectAnswer": {"type": "object", "required": ["request_id", "objects", "finish_reason", "usage"], "properties": {
  "request_id": {"type": "string"}, "objects": {"type": "array", "items": {
    "type": "object", "required": ["x_min", "y_min", "x_max", "y_max"], "description": "shares of width and height"}},
  "finish_reason": {"type": "string"}, "usage": {"type": "object"}, "warning": {"type": "string"}}},
"PointAnswer": {"type": "object", "required": ["request_id", "points", "count", "finish_reason", "usage"], "properties": {
  "request_id": {"type": "string"}, "points": {"type": "array", "items": {"type": "object", "required": ["x", "y"]}},
  "count": {"type": "integer"}, "finish_reason": {"type": "string"}, "usage": {"type": "object"},
  "warning": {"type": "string"}}},

"Model": {"type": "object", "required": ["id", "object", "created", "owned_by", "state"], "properties": {
  "id": {"type": "string"}, "object": {"const": "model"}, "created": {"type": "integer"},
  "owned_by": {"type": "string"}, "state": {"type": "string"}, "active": {"type": "boolean"},
  "architecture": {"type": "object"}, "context_length": {"type": "integer"}, "capabilities": {"type": "object"},
  "aliases": {"type": "array", "items": {"type": "string"}}, "alias_of": {"type": "string"}}},
"ModelList": {"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"},
  "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}}},
"PullCatalogue": {"type": "object", "required": ["object", "allowed", "under_way", "data", "installed", "unfinished"],
  "properties": {"object": {"const": "model.catalogue"}, "allowed": {"type": "boolean"}, "hub": {"type": "string"},
    "under_way": {"type": ["object", "null"]}, "data": {"type": "array"}, "installed": {"type": "array"},
    "unfinished": {"type": "array"}}},
"PullStopped": {"type": "object", "required": ["object", "model", "phase"], "properties": {
  "object": {"const": "model.pull"}, "model": {"type": "string"}, "phase": {"const": "stopped"}}},
"LoadBody": {"type": "object", "required": ["model"], "properties": {"model": {"type": "string", "minLength": 1,
  "maxLength": 512}}, "additionalProperties": false},
"Health": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"},
  "model": {"type": "string"}, "version": {"type": "string"}, "state": {"type": "string"}}},
"Tokens": {"type": "object", "required": ["tokens", "count", "max_model_len"], "properties": {
  "tokens": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["id", "piece"],
    "properties": {"id": {"type": "integer"}, "piece": {"type": ["string", "array"]}}}]}},
  "count": {"type": "integer"}, "max_model_len": {"type": "integer"},
  "token_strs": {"type": "array", "items": {"type": "string"}}}},
"TokensText": {"type": "object", "required": ["content", "prompt"], "properties": {
  "content": {"type": "string"}, "prompt": {"type": "string"}}},
"AnyObject": {"type": "object"},
"ConfigPatch": {"type": "object", "description": "settings of the original's app_config.json; docs/configuration.md"},
"UserQuery": {"type": "object", "required": ["query_id", "query"], "properties": {
  "query_id": {"type": "string", "maxLength": 128}, "query": {"type": "string"}}}
})json";
}

}  // namespace oc
