"""The official OpenAI client against a running network, which any model may serve. One participant
may be a cheat whose answers differ: nothing here compares two answers without allowing for it."""

from collections import Counter

import pytest

openai = pytest.importorskip("openai")

MESSAGES = [{"role": "user", "content": "Tell me about the weather."}]
RECEIPT = {"inference_id", "executor", "transfer_agent", "attempt", "request_digest", "output_digest",
           "output_salt", "artifact_root", "executor_signature"}


@pytest.fixture(scope="module")
def client(network):
    # No retries: a refusal is to be seen, not hidden.
    return openai.OpenAI(base_url=network.base_url, api_key=network.api_key, max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def chat(client, network):
    def ask(**options):
        return client.chat.completions.create(**{"model": network.model, "messages": MESSAGES, "max_tokens": 12, **options})

    return ask


def test_models_are_listed_and_found_by_name(client, network):
    models = {model.id: model for model in client.models.list()}
    assert network.model in models
    assert models[network.model].object == "model"
    assert client.models.retrieve(network.model) == models[network.model]


def test_a_chat_answer_has_text_usage_and_a_finish_reason(chat, network):
    answer = chat()
    choice = answer.choices[0]
    assert answer.object == "chat.completion" and answer.model == network.model
    assert answer.id.startswith("chatcmpl-")
    assert choice.index == 0 and choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens > 0
    assert 1 <= answer.usage.completion_tokens <= 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    if choice.finish_reason == "length":
        assert answer.usage.completion_tokens == 12


def test_an_answer_carries_the_receipt_that_the_ledger_confirms(chat, network):
    answer = chat()
    receipt = answer.gonka
    assert RECEIPT <= set(receipt)
    assert answer.id == f"chatcmpl-{receipt['inference_id']}"
    record = network.record(receipt["inference_id"])
    assert record["executor"] == receipt["executor"]
    assert record["transfer_agent"] == receipt["transfer_agent"] == network.get("status")["participant"]
    assert record["executor"] != record["transfer_agent"]
    assert record["prompt_tokens"] == answer.usage.prompt_tokens
    assert record["output_tokens"] == answer.usage.completion_tokens


def test_the_raw_response_names_the_inference_in_a_header(client, network):
    raw = client.chat.completions.with_raw_response.create(model=network.model, messages=MESSAGES, max_tokens=4)
    assert raw.headers["x-gonka-inference"] == raw.parse().gonka["inference_id"]
    assert raw.headers["x-request-id"]


def test_a_streamed_answer_comes_in_pieces_with_receipt_and_usage_last(chat):
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text
    finished = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    assert len(finished) == 1 and RECEIPT <= set(finished[0].gonka)
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens >= 1
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_without_include_usage_has_none(chat):
    assert all(chunk.usage is None for chunk in chat(stream=True))


def test_completions_continue_a_prompt(client, network):
    answer = client.completions.create(model=network.model, prompt="It was a", max_tokens=8)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert answer.choices[0].text and answer.usage.completion_tokens <= 8
    echoed = client.completions.create(model=network.model, prompt="It was a", max_tokens=4, echo=True)
    assert echoed.choices[0].text.startswith("It was a")


def test_completions_stream(client, network):
    chunks = list(client.completions.create(model=network.model, prompt="It was a", max_tokens=8, stream=True))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_one_seed_gives_one_text_and_other_seeds_others(chat):
    same = Counter(chat(seed=7, temperature=0.8).choices[0].message.content for _ in range(4))
    # At most one of the four may have met a cheat.
    assert same.most_common(1)[0][1] >= 3, same
    others = {chat(seed=seed, temperature=1.0).choices[0].message.content for seed in range(4)}
    assert len(others) > 1


def test_an_answer_ends_before_its_stop_string(client, network):
    def complete(**options):
        return client.completions.create(model=network.model, prompt="It was a", max_tokens=24, seed=3, **options)

    texts = Counter(complete().choices[0].text for _ in range(3))
    text = texts.most_common(1)[0][0]
    stop = text[len(text) // 2:][:4]
    answers = [complete(stop=[stop]).choices[0] for _ in range(3)]
    assert all(stop not in answer.text for answer in answers)
    expected = (text[: text.index(stop)], "stop")
    assert sum((answer.text, answer.finish_reason) == expected for answer in answers) >= 2


def test_chat_logprobs_are_logs_of_probabilities_best_first(chat):
    answer = chat(logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert 1 <= len(content) <= answer.usage.completion_tokens
    for token in content:
        assert token.logprob <= 0 and bytes(token.bytes).decode(errors="replace") == token.token
        tops = [top.logprob for top in token.top_logprobs]
        assert len(tops) == 3 and tops == sorted(tops, reverse=True)
        assert token.logprob <= tops[0]
    assert chat().choices[0].logprobs is None


def test_completion_logprobs_have_the_old_shape(client, network):
    answer = client.completions.create(model=network.model, prompt="It was a", max_tokens=6, logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs)
    assert "".join(logprobs.tokens).strip() == answer.choices[0].text.strip()


def test_several_choices_are_requests_of_their_own(chat):
    answer = chat(n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    receipts = [choice.gonka for choice in answer.choices]
    assert len({receipt["inference_id"] for receipt in receipts}) == 2


def test_max_completion_tokens_bounds_the_answer(client, network):
    answer = client.chat.completions.create(model=network.model, messages=MESSAGES, max_completion_tokens=3)
    assert answer.usage.completion_tokens <= 3


def test_a_temperature_of_zero_and_a_bias_are_taken(chat):
    # Only one token may follow: every answer is a row of it.
    biased = chat(temperature=0, logit_bias={"300": 100}, max_tokens=3)
    assert biased.usage.completion_tokens == 3


def test_a_wrong_key_is_refused(network):
    stranger = openai.OpenAI(base_url=network.base_url, api_key="gk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(model=network.model, messages=MESSAGES)
    assert caught.value.code == "invalid_api_key"


def test_an_unknown_model_is_named_with_the_closest_one(chat, network, client):
    with pytest.raises(openai.NotFoundError) as caught:
        chat(model=network.model + "x")
    assert caught.value.code == "model_not_found"
    assert network.model in caught.value.body["message"]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


@pytest.mark.parametrize(
    "options, param, code",
    [
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"top_p": 0}, "top_p", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"n": 6}, "n", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "invalid_type"),
        ({"extra_body": {"wings": 2}}, "wings", "unknown_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_parameter_is_named(chat, options, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        chat(**options)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert param in caught.value.body["message"]


def test_more_than_the_context_holds_is_refused(chat, client, network):
    context = client.models.retrieve(network.model).max_model_len
    with pytest.raises(openai.BadRequestError) as caught:
        chat(messages=[{"role": "user", "content": "word " * (context + 10)}])
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(max_tokens=context + 1)
    assert str(context) in caught.value.body["message"]


def test_a_client_that_hangs_up_leaves_a_finished_record_and_a_serving_node(chat, network):
    stream = chat(stream=True, max_tokens=200, logit_bias={"2": -100})
    first = next(iter(stream))
    stream.response.close()
    inference = first.id.removeprefix("chatcmpl-")
    assert network.record(inference)["status"] in ("finished", "unchecked", "validated", "disputed", "invalidated")
    assert chat().choices[0].message.content
